// An order's history as it is drawn: each fact, and under it the jobs that follow from it, chains kept together.
import type { Timeline, TimelineEvent, TimelineJob } from './types/api.ts';

export type Tone = 'fact' | 'good' | 'bad' | 'undo' | 'report';

export interface Group {
  id: string;
  chain: string | null; // its name, if it is one
  undoes: boolean;
  jobs: TimelineJob[];
}

export interface Step {
  event: TimelineEvent;
  tone: Tone;
  /** Seconds since the fact before. */
  after: number | null;
  /** The job that recorded it; null: the API did. */
  by: TimelineJob | null;
  groups: Group[];
  /** What this fact put back: the pieces on the shelf, the money on the card. */
  back: 'stock' | 'money' | null;
}

/** Which job undoes which. */
export const UNDOES: Record<string, string> = { release_stock: 'reserve_stock', refund_payment: 'charge_payment' };

const TONES: Record<string, Tone> = {
  OrderConfirmed: 'good',
  OrderShipped: 'good',
  OrderRejected: 'bad',
  OrderExpired: 'bad',
  OrderCancellationRequested: 'undo',
  OrderCancelled: 'undo',
  PaymentRefunded: 'undo',
  NotificationSent: 'report',
  NotificationStored: 'report',
  GatewayReported: 'report',
  CarrierReported: 'report',
};

/** Told by the message itself, which is shown beside the timeline. */
const LEFT_OUT = ['NotificationStored'];

export function steps({ events, jobs }: Timeline): Step[] {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const shown = events.filter(({ name }) => !LEFT_OUT.includes(name));
  const made = shown.map((event, index): Step => ({
    event,
    tone: TONES[event.name] ?? 'fact',
    after: index === 0 ? null : seconds(shown[index - 1]!.occurred_at, event.occurred_at),
    by: byId.get(event.job_id ?? '') ?? null,
    groups: [],
    back: backOf(event, shown.slice(0, index)),
  }));
  for (const job of jobs) put(job, causeOf(job, made));
  return made;
}

function backOf({ name }: TimelineEvent, before: TimelineEvent[]): Step['back'] {
  if (name === 'PaymentRefunded') return 'money';
  const held = before.some((event) => event.name === 'StockReserved');
  return held && ['OrderRejected', 'OrderCancelled', 'OrderExpired'].includes(name) ? 'stock' : null;
}

/** The fact a job follows from; for a job that another one dispatched, the latest fact before it. */
function causeOf(job: TimelineJob, made: Step[]): Step | undefined {
  const cause = made.find(({ event }) => event.id === job.event_id);
  return cause ?? made.findLast(({ event }) => event.occurred_at <= job.created_at) ?? made[0];
}

function put(job: TimelineJob, step: Step | undefined): void {
  if (!step) return;
  const id = job.chain?.id ?? job.id;
  const known = step.groups.find((group) => group.id === id);
  if (known) return void known.jobs.push(job);
  const undoes = job.name in UNDOES;
  step.groups.push({ id, chain: job.chain?.name ?? null, undoes, jobs: [job] });
}

function seconds(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}

/** How far an order is, of the stages that lead to its being shipped; and where it left that way, if it did. */
export const STAGES = ['placed', 'reserved', 'confirmed', 'shipped'] as const;
export type Stage = (typeof STAGES)[number];

export function reached(status: string, events: TimelineEvent[]): number {
  const direct = STAGES.indexOf(status as Stage);
  if (direct >= 0) return direct;
  const names = events.map(({ name }) => name);
  return names.includes('OrderConfirmed') ? 2 : names.includes('StockReserved') ? 1 : 0;
}
