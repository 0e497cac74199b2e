// What was broken, since when, and what of the expected was really seen since: a tick each.
import { reactive } from 'vue';
import { begunAfter, EXPECTED, numberOf, shown, type Check, type Story } from '../evidence.ts';
import type { RecordedEvents, Timeline } from '../types/api.ts';
import { connection } from './connection.ts';
import type { Heard } from './log.ts';
import type { Letter } from './mailbox.ts';
import { here, isOperator, whenHere } from './visit.ts';

export interface Experiment {
  after: number; // the position of the last fact before it
  since: number; // ms
  value: number; // of a switch in milliseconds
  killed: { name: string; pid: number } | null;
  seen: Partial<Record<Check, { order: number | null; seconds: number }>>;
}

const WATCHED = 5; // orders at once
const GIVES_UP = 300_000; // ms
const ENDED = ['succeeded', 'cancelled', 'failed'];

export const experiments = reactive<Record<string, Experiment>>({});

let watched = new Map<string, number>(); // orders by id: since when they are looked at

whenHere(({ echo, user }) => {
  echo.private(isOperator() ? 'orders' : `user.${user.id}`).listenToAll((_name: string, said: Heard) => witness(said));
});

export function begin(name: string, after: number, value: number, killed: Experiment['killed'] = null): void {
  experiments[name] = { after, since: Date.now(), value, killed, seen: {} };
  watched = new Map();
}

/** Where among all facts we are now: an order that is handed on later shows what was broken. */
export async function newest(): Promise<number> {
  return (await here().session.get<RecordedEvents>('/events?limit=1')).items[0]?.position ?? 0;
}

/** Something was heard: if it is about an order, its story may show what we look for. */
function witness(said: Heard): void {
  const id = said.order?.id ?? said.order_id;
  if (!id || said.event_id === undefined || lookedFor().length === 0) return;
  if (!watched.has(id) && watched.size < WATCHED) watched.set(id, Date.now());
  if (watched.has(id)) void read(id).catch(() => undefined); // the next look asks again
}

/** Look again at the orders that are watched: an attempt that fails is no fact, and told to nobody here. */
export async function lookAtOrders(): Promise<void> {
  for (const [id, since] of watched) {
    if (lookedFor().length === 0 || Date.now() - since > GIVES_UP) watched.delete(id);
    else await read(id).catch(() => undefined); // the API may be what was killed
  }
}

/** processes: those that run now, their numbers by name. */
export function lookAtProcesses(processes: ReadonlyMap<string, number>): void {
  for (const [name, experiment] of lookedFor()) {
    const pid = processes.get(experiment.killed?.name ?? '');
    const back = pid !== undefined && pid !== experiment.killed?.pid;
    if (back) tick(experiment, 'back', null);
    if ((back || name === 'wipe') && EXPECTED[name]?.includes('live') && connection.state === 'live') {
      tick(experiment, 'live', null);
    }
  }
}

async function read(orderId: string): Promise<void> {
  const story: Story = await here().session.get<Timeline>(`/orders/${orderId}/timeline`);
  const number = numberOf(story);
  if (wanted('once')) story.charges = await charges(orderId);
  if (wanted('sms_once') && number !== null) story.copies = await copies(number);
  for (const [name, experiment] of lookedFor()) {
    if (!begunAfter(story, experiment.after)) continue;
    for (const check of shown(EXPECTED[name] ?? [], story, experiment.value)) tick(experiment, check, number);
  }
  const over = story.events.some(({ name }) => name === 'OrderShipped' || name === 'OrderRejected');
  const waiting = story.jobs.some(({ name, state }) => name.startsWith('send_') && !ENDED.includes(state));
  if (over && !waiting) watched.delete(orderId); // room for another
}

/** Ask the card gateway itself: so many times it took money and kept it. */
async function charges(orderId: string): Promise<number> {
  type Charge = { received: number; refunded: number };
  const { items } = await here().session.get<{ items: Charge[] }>(`/demo/charges/${orderId}`);
  return items.filter(({ received, refunded }) => received > refunded).length;
}

/** Look into the customer's phone: how often each SMS of the order is there. */
async function copies(number: number): Promise<number[]> {
  const { items } = await here().session.get<{ items: Letter[] }>('/demo/mailbox');
  const about = new RegExp(`#${number}(?!\\d)`);
  const its = items.filter(({ channel, text }) => channel === 'sms' && about.test(text)).map(({ text }) => text);
  return [...new Set(its)].map((text) => its.filter((other) => other === text).length);
}

function tick(experiment: Experiment, check: Check, order: number | null): void {
  experiment.seen[check] ??= { order, seconds: (Date.now() - experiment.since) / 1_000 };
}

/** The experiments of which something is still to be seen. */
function lookedFor(): [string, Experiment][] {
  return Object.entries(experiments).filter(([name, { seen }]) =>
    (EXPECTED[name] ?? []).some((check) => !(check in seen)),
  );
}

function wanted(check: Check): boolean {
  return lookedFor().some(([name, { seen }]) => EXPECTED[name]?.includes(check) && !(check in seen));
}
