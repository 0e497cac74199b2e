// What can be broken: the switches of the outside world, and the processes. In the demo only.
import { shallowReactive } from 'vue';
import { calmly } from '../calmly.ts';
import { begin, experiments, lookAtOrders, lookAtProcesses, newest } from './experiments.ts';
import { complain, problem } from './saying.ts';
import { here } from './visit.ts';

export interface Switch {
  name: string;
  kind: 'on_off' | 'count' | 'milliseconds';
  value: boolean | number;
  does: string;
  expect: string;
}

export interface Process {
  name: string;
  group: string;
  state: string;
  pid: number | null;
  started_at: string | null;
}

interface Processes {
  supervised: boolean;
  items: Process[];
}

const EVERY = 1_500; // ms

export const breaking = shallowReactive({
  switches: [] as readonly Switch[],
  processes: [] as readonly Process[],
  supervised: true,
});

let timer: ReturnType<typeof setInterval> | undefined;
const lookAgain = calmly(look, EVERY / 2);

/** Look now, and again and again until `stopLooking`. */
export function startLooking(): void {
  clearInterval(timer);
  timer = setInterval(lookAgain, EVERY);
  lookAgain();
}

export function stopLooking(): void {
  clearInterval(timer);
}

export function turn(name: string, value: boolean | number): Promise<void> {
  return attempt(async () => {
    const after = await newest();
    await show(here().session.put('/demo/switches', { [name]: value }));
    if (value) begin(name, after, Number(value)); // off again: what is to be seen may still come
  });
}

export function mendAll(): Promise<void> {
  return attempt(() => show(here().session.delete('/demo/switches')));
}

/** Kill one process of a family; whatever looks after it brings it back. */
export function kill(family: string): Promise<void> {
  return attempt(async () => {
    const after = await newest();
    const { killed, pid } = await here().session.post<{ killed: string; pid: number }>(`/demo/crash/${family}`);
    begin(family, after, 0, { name: killed, pid });
  });
}

export function wipe(): Promise<void> {
  return attempt(async () => {
    const after = await newest();
    await here().session.post('/demo/redis/wipe');
    begin('wipe', after, 0);
  });
}

async function look(): Promise<void> {
  const { session } = here();
  await show(session.get('/demo/switches')).catch(() => undefined); // the outside world may be what was killed
  await watchWhatWasOn();
  const { items, supervised } = await session.get<Processes>('/demo/processes');
  Object.assign(breaking, { processes: items, supervised });
  lookAtProcesses(new Map(items.filter(({ state }) => state === 'RUNNING').map(({ name, pid }) => [name, pid ?? 0])));
  await lookAtOrders();
}

/** A switch may be on since before this page was there. */
async function watchWhatWasOn(): Promise<void> {
  const on = breaking.switches.filter(({ name, value }) => value && !experiments[name]);
  const after = on.length > 0 ? await newest() : 0;
  for (const { name, value } of on) begin(name, after, Number(value));
}

async function show(answer: Promise<{ items: Switch[] }>): Promise<void> {
  breaking.switches = (await answer).items;
}

async function attempt(work: () => Promise<void>): Promise<void> {
  problem.value = null;
  await work().catch(complain);
  lookAgain();
}
