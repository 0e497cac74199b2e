// Why a job waits or ended early. The machine says it in English, to be found in logs; here it is said in words.
import { named, words } from './i18n.ts';
import { shop } from './stores/shop.ts';

/** said: as it is stored. state: the job's: what was done all the same needs another word. */
export function reasonOf(said: string, state = ''): string {
  const { waits, unknown, tooLate, already, enough, declined, declines } = words.value.order;
  if (waits[said]) return waits[said];
  if (/outcome is unknown/.test(said)) return unknown;
  if (said.startsWith('too late')) return state === 'succeeded' ? already : tooLate;
  const [, code] = /^the card was declined: (\w+)$/.exec(said) ?? [];
  if (code) return declined(declines[code] ?? code);
  const [, slug] = /^not enough (.+) in stock$/.exec(said) ?? [];
  return slug ? enough(nameOf(slug)) : said;
}

function nameOf(slug: string): string {
  const product = shop.products.find((one) => one.slug === slug);
  return product ? named(product) : slug;
}
