// The queues as they stand, for operators: asked for while somebody looks, and whenever a job is heard to have changed.
import { shallowReactive } from 'vue';
import { calmly } from '../calmly.ts';
import { Problem } from '../session.ts';
import type { Figures, Job, Jobs, Queue, Queues } from '../types/api.ts';
import { here, isOperator, whenHere } from './visit.ts';
import { complain, problem } from './saying.ts';

/** What is looked at, and the states that the API is asked for. */
export const VIEWS = {
  waiting: ['scheduled', 'queued', 'blocked'],
  running: ['running'],
  retrying: ['scheduled', 'queued'],
  failed: ['failed'],
} as const;
export type View = keyof typeof VIEWS;

const SHOWN = 50;
const [AT_MOST_EVERY, AT_LEAST_EVERY] = [1_000, 3_000]; // milliseconds

export const queues = shallowReactive({
  items: [] as readonly Queue[],
  oldest: {} as Readonly<Record<string, number | null>>, // seconds, by queue
  perMinute: {} as Readonly<Record<string, number>>,
  view: 'waiting' as View,
  jobs: [] as readonly Job[],
  refused: null as Problem | null, // why one may not look
});

let timer: ReturnType<typeof setInterval> | undefined;
let looking = false;
const lookAgain = calmly(look, AT_MOST_EVERY);

whenHere(({ echo }) => {
  if (isOperator()) echo.private('queues').listen('JobChanged', () => looking && lookAgain());
});

/** Look now, and again and again until `stopLooking`. */
export function startLooking(): void {
  looking = true;
  clearInterval(timer);
  timer = setInterval(lookAgain, AT_LEAST_EVERY);
  lookAgain();
}

export function stopLooking(): void {
  looking = false;
  clearInterval(timer);
  queues.jobs = []; // they would count down unseen
}

export async function show(view: View): Promise<void> {
  [queues.view, queues.jobs] = [view, []];
  await fetchJobs();
}

async function look(): Promise<void> {
  try {
    const { session } = here();
    const { items } = await session.get<Queues>('/queues');
    const figures = (await session.get<Figures>('/queues/figures?window=1m')).queues;
    await fetchJobs();
    queues.oldest = Object.fromEntries(figures.map(({ name, oldest_seconds }) => [name, oldest_seconds]));
    queues.perMinute = Object.fromEntries(figures.map(({ name, per_minute }) => [name, per_minute]));
    queues.items = items;
  } catch (what) {
    if (!(what instanceof Problem) || what.status !== 403) throw what;
    queues.refused = what;
    stopLooking();
  }
}

async function fetchJobs(): Promise<void> {
  const { view } = queues;
  const states = VIEWS[view].map((state) => `state=${state}`).join('&');
  const { items } = await here().session.get<Jobs>(`/jobs?${states}&limit=${2 * SHOWN}`);
  if (view !== queues.view) return; // another view was chosen meanwhile
  const wanted = view === 'retrying' ? items.filter(({ failures, lost }) => failures + lost > 0) : items;
  queues.jobs = wanted.slice(0, SHOWN);
}

export function setPaused(queue: string, reason: string | null): Promise<void> {
  const [what, body] = reason === null ? ['resume', undefined] : ['pause', { reason }];
  return act(() => here().session.post(`/queues/${encodeURIComponent(queue)}/${what}`, body));
}

export function change(job: Job, what: 'retry' | 'run-now' | 'cancel'): Promise<void> {
  return act(() => here().session.post(`/jobs/${job.id}/${what}`));
}

export function forget(job: Job): Promise<void> {
  return act(() => here().session.delete(`/jobs/${job.id}`));
}

async function act(what: () => Promise<unknown>): Promise<void> {
  problem.value = null;
  await what().catch(complain); // such as: it has ended meanwhile
  lookAgain();
}
