// What one should see after something was broken, and whether it was seen: an order's own timeline is the witness.
import type { Timeline } from './types/api.ts';

/** An order's timeline, and what the world outside has of it. */
export interface Story extends Pick<Timeline, 'events' | 'jobs'> {
  /** How often the card gateway took money and kept it. */
  charges?: number;
  /** How often each of its SMS is in the customer's phone. */
  copies?: number[];
}

/** What is looked for in the story of one order. */
const CHECKS = {
  rejected: ({ events }: Story) =>
    events.some(({ name, payload }) => name === 'OrderRejected' && orderOf(payload)?.reason === 'card_declined'),
  again: (story: Story) => stumbled(story, 'charge_payment'),
  confirmed: (story: Story) => when(story, 'OrderConfirmed') !== null,
  once: ({ charges }: Story) => charges === 1,
  slow: (story: Story, value: number) => tookLonger(story, value),
  sms_waits: (story: Story) => stumbled(story, 'send_sms'),
  sms_arrives: (story: Story) => told(story, 'sms'),
  sms_once: ({ copies }: Story) => copies !== undefined && copies.length > 0 && copies.every((copy) => copy === 1),
  mail_waits: (story: Story) => stumbled(story, 'send_mail'),
  mail_arrives: (story: Story) => told(story, 'mail'),
} as const;

/** `back`: the process runs again under another number; `live`: this page is connected. */
export type Check = keyof typeof CHECKS | 'back' | 'live';

const ONE_CHARGE: Check[] = ['again', 'confirmed', 'once'];
const AS_EVER: Check[] = ['confirmed', 'once'];
const SURVIVED: Check[] = ['back', 'confirmed', 'once'];

/** What should be seen, in this order: of a switch of the sandbox, or of a process that was killed. */
export const EXPECTED: Record<string, readonly Check[]> = {
  decline: ['rejected'],
  no_answer_after_charging: ONE_CHARGE,
  no_answer_before_charging: ONE_CHARGE,
  stored_500_after_charging: ONE_CHARGE,
  stored_500_before_charging: ONE_CHARGE,
  slow_ms: ['slow', 'confirmed'],
  processing_ms: ['slow', 'confirmed'],
  sms_down: ['sms_waits', 'sms_arrives'],
  sms_no_answer_after_sending: ['sms_waits', 'sms_arrives', 'sms_once'],
  smtp_down: ['mail_waits', 'mail_arrives'],
  webhooks_twice: AS_EVER,
  webhooks_shuffled: AS_EVER,
  webhooks_off: AS_EVER,
  'worker-fast': SURVIVED,
  relay: SURVIVED,
  api: SURVIVED,
  sandbox: SURVIVED,
  postgres: SURVIVED,
  redis: SURVIVED,
  realtime: ['back', 'live'],
  wipe: ['live', 'confirmed', 'once'],
};

/** Return what of this the story shows. Each needs the one before it: a confirmation alone proves no second try. */
export function shown(checks: readonly Check[], story: Story, value: number): Check[] {
  const found: Check[] = [];
  for (const check of checks) {
    if (check === 'back' || check === 'live') continue; // no order tells of them
    if (!CHECKS[check](story, value)) break;
    found.push(check);
  }
  return found;
}

/** Whether the order was handed on after that position among all facts: no two clocks have to agree. */
export function begunAfter({ events }: Story, position: number): boolean {
  return events.some((fact) => fact.name === 'OrderPlaced' && (fact.position ?? 0) > position);
}

export function numberOf({ events }: Story): number | null {
  return events.map(({ payload }) => orderOf(payload)?.number).find((number) => number !== undefined) ?? null;
}

function orderOf(payload: Record<string, unknown>): { number: number; reason?: string | null } | undefined {
  return payload['order'] as { number: number; reason?: string | null } | undefined;
}

function stumbled({ jobs }: Story, wanted: string): boolean {
  return jobs.some(
    ({ name, failures, attempts }) =>
      name === wanted && (failures > 0 || attempts.some(({ outcome }) => outcome === 'failed')),
  );
}

function told({ events }: Story, channel: string): boolean {
  return events.some(({ name, payload }) => name === 'NotificationSent' && payload['channel'] === channel);
}

function tookLonger(story: Story, milliseconds: number): boolean {
  const [placed, confirmed] = [when(story, 'OrderPlaced'), when(story, 'OrderConfirmed')];
  return placed !== null && confirmed !== null && milliseconds > 0 && confirmed - placed >= milliseconds;
}

function when({ events }: Story, wanted: string): number | null {
  const fact = events.find(({ name }) => name === wanted);
  return fact ? Date.parse(fact.occurred_at) : null;
}
