// Why a job waits or ended early. The machine says it in English, to be found in logs; here it is said in words.
import { words } from './i18n.ts';

export function reasonOf(said: string): string {
  const { waits, unknown, tooLate, enough, reasons } = words.value.order;
  if (waits[said]) return waits[said];
  if (/outcome is unknown/.test(said)) return unknown;
  if (/^too late/.test(said)) return tooLate;
  if (/^there is not enough|insufficient|not enough/i.test(said)) return enough;
  return reasons[said] ?? said;
}
