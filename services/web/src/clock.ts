// The time, for what counts down: it ticks while somebody looks.
import { ref } from 'vue';

const EVERY = 250; // milliseconds

export const now = ref(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, EVERY);

/** Seconds from now until then; negative when it is past. */
export function until(at: string): number {
  return (Date.parse(at) - now.value) / 1000;
}
