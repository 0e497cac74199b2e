// What is said to everybody: one sentence for each change, also to those who do not see it; and what went wrong.
import { ref, watch } from 'vue';
import { Away } from '../session.ts';
import { away, doubt } from './reach.ts';

/** The last sentence, for the live region. */
export const sentence = ref('');
/** What went wrong, until it is put away. */
export const problem = ref<unknown>(null);

const EVERY = 900; // milliseconds: a screen reader needs its time
const waiting: string[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Say a sentence. When many come at once, the newest ones count. */
export function say(text: string): void {
  waiting.push(text);
  if (waiting.length > 3) waiting.shift();
  timer ??= setTimeout(next, 0);
}

export function complain(what: unknown): void {
  problem.value = what;
  if (what instanceof Away) doubt();
}

watch(away, (isAway) => {
  if (!isAway && problem.value instanceof Away) problem.value = null; // it is over by itself
});

function next(): void {
  sentence.value = waiting.shift() ?? sentence.value;
  timer = waiting.length > 0 ? setTimeout(next, EVERY) : undefined;
}
