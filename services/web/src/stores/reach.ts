// Whether the shop answers at all: asked only while there is reason to doubt it.
import { ref } from 'vue';

const EVERY = 2_000; // milliseconds

export const away = ref(false);

let asking = false;

/** Ask until it answers, and for as long as `still` says so. */
export function doubt(still: () => boolean = () => false): void {
  if (!asking) void ask(still);
}

async function ask(still: () => boolean): Promise<void> {
  asking = true;
  do {
    away.value = !(await fetch('/livez', { cache: 'no-store' }).then(({ ok }) => ok, () => false));
    if (away.value || still()) await new Promise((resolve) => setTimeout(resolve, EVERY));
  } while (away.value || still());
  asking = false;
}
