// The load: Omar orders so many times a second. What was placed and what is done, second by second, for the chart.
import { shallowReactive } from 'vue';
import type { Percentiles } from '../types/api.ts';
import { complain, problem } from './saying.ts';
import { here } from './visit.ts';

export interface Load {
  running: boolean;
  per_second: number;
  seconds: number;
  started_at: string | null;
  placed: number;
  failed: number;
  answered: Percentiles | null;
  statuses: Record<string, number>;
  confirmed: Percentiles | null;
}

/** One look at it. */
export interface Sample {
  second: number;
  placed: number;
  done: number; // confirmed or shipped, or turned down: nothing is owed to the customer
}

const EVERY = 1_000; // ms
const UNDER_WAY = ['placed', 'reserved'];

export const load = shallowReactive({ now: null as Load | null, samples: [] as readonly Sample[] });

let timer: ReturnType<typeof setTimeout> | undefined;

/** Look now, and again every second until `stopLooking`. */
export async function startLooking(): Promise<void> {
  clearTimeout(timer);
  timer = setTimeout(() => void startLooking(), EVERY);
  await here().session.get<Load>('/demo/load').then(show, () => undefined); // the API may be what was killed
}

export function stopLooking(): void {
  clearTimeout(timer);
}

export async function start(perSecond: number, seconds: number): Promise<void> {
  problem.value = null;
  load.samples = [];
  await here().session.post<Load>('/demo/load', { per_second: perSecond, seconds }).then(show, complain);
}

export async function stop(): Promise<void> {
  await here().session.delete<Load>('/demo/load').then(show, complain);
}

export function underWay({ statuses }: Load): number {
  return UNDER_WAY.reduce((sum, status) => sum + (statuses[status] ?? 0), 0);
}

function show(now: Load): void {
  if (load.now?.started_at !== now.started_at) load.samples = [];
  load.now = now;
  const last = load.samples.at(-1);
  const done = now.placed - underWay(now);
  if (now.started_at === null || (!now.running && last?.done === now.placed)) return;
  const second = Math.max(0, (Date.now() - Date.parse(now.started_at)) / 1_000);
  if (!last || second > last.second) load.samples = [...load.samples, { second, placed: now.placed, done }];
}
