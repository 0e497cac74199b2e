// What just happened: heard live, completed from what is recorded; the newest first, each fact once.
import { shallowReactive } from 'vue';
import { calmly } from '../calmly.ts';
import type { RecordedEvent, RecordedEvents } from '../types/api.ts';
import { here, isOperator, whenHere, whenMissed } from './visit.ts';

/** What the payloads of facts have in common. */
export interface Payload {
  order?: { id: string; number: number; reason?: string | null };
  video?: { id: string; filename: string; reason?: string | null };
  product?: { slug: string };
  order_id?: string;
  about?: string;
  kind?: string;
  channel?: string;
}

export type Fact = Pick<RecordedEvent, 'position' | 'name' | 'aggregate_id' | 'channels' | 'occurred_at'> & {
  payload: Payload;
};
/** As it comes over the socket: a signal, which is not recorded, has no `event_id`. */
export type Heard = Payload & { event_id?: number; occurred_at?: string };

const KEPT = 100; // facts that are shown; older ones when somebody asks for them
const PAGE = 100;
/** How often the list is drawn anew while much happens, and how often we ask for what nobody tells live (ms). */
const [DRAWN, COMPLETED] = [250, 3_000];

export const log = shallowReactive({
  facts: [] as readonly Fact[],
  about: null as string | null, // an order's or a video's id
  paused: false,
  held: 0, // facts that came during the pause
  older: null as number | null, // where the next older page begins
});

let coming: Fact[] = [];
let timer: ReturnType<typeof setInterval> | undefined; // while somebody looks

whenHere(({ echo, user }) => {
  for (const channel of [`user.${user.id}`, ...(isOperator() ? ['orders'] : [])]) {
    echo
      .private(channel)
      .listenToAll((name: string, said: Heard) => hear(`private-${channel}`, name, said))
      .subscribed(() => timer && complete());
  }
});
whenMissed(/^private-(?:orders|user\..+)$/, () => void (timer && complete()));

function hear(channel: string, name: string, said: Heard): void {
  if (said.event_id === undefined) return;
  const { event_id: position, occurred_at = new Date().toISOString(), ...payload } = said;
  const id = payload.order?.id ?? payload.video?.id ?? payload.order_id ?? '';
  const fact = { position, name, aggregate_id: id, channels: [channel], payload, occurred_at };
  if (log.about !== null && id !== log.about) return;
  coming.push(fact);
  if (timer) draw();
  else coming = coming.slice(-KEPT);
}

/** Draw it, and complete it again and again, until `stopLooking`. */
export function startLooking(): void {
  clearInterval(timer);
  timer = setInterval(complete, COMPLETED);
  draw();
  complete();
}

export function stopLooking(): void {
  clearInterval(timer);
  timer = undefined;
}

export function pause(paused: boolean): void {
  log.paused = paused;
  draw();
}

/** Show only what happened to one order or video; null: everything. */
export async function only(id: string | null): Promise<void> {
  coming = [];
  Object.assign(log, { about: id, facts: [], older: null, held: 0, paused: false });
  await fetchPage(null);
}

export async function fetchOlder(): Promise<void> {
  if (log.older !== null) await fetchPage(log.older);
}

/** The order or video that a fact tells of, as far as it says so itself. */
export function thingOf({ payload }: Fact): string | null {
  return payload.order?.id ?? payload.video?.id ?? payload.order_id ?? payload.about ?? null;
}

/** Ask for what was recorded meanwhile: the bank's reports, for one, are told to nobody. */
const complete = calmly(() => fetchPage(null), COMPLETED / 2);
const draw = calmly(() => flush(KEPT), DRAWN);

async function fetchPage(before: number | null): Promise<void> {
  const asked = log.about;
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (asked !== null) query.set('about', asked);
  if (before !== null) query.set('cursor', String(before));
  const { items, next_cursor } = await here().session.get<RecordedEvents>(`/events?${query}`);
  if (asked !== log.about) return; // another question was asked meanwhile
  if (before !== null || log.facts.length === 0) log.older = next_cursor;
  coming.push(...items);
  flush(before === null ? KEPT : log.facts.length + PAGE);
}

function flush(most: number): void {
  const known = new Map(log.facts.map((fact) => [fact.position, fact]));
  if (log.paused && most <= KEPT) {
    log.held = new Set(coming.map(({ position }) => position).filter((position) => !known.has(position))).size;
    return;
  }
  for (const fact of coming) {
    const before = known.get(fact.position);
    if (!before || before.channels.length < fact.channels.length) known.set(fact.position, fact); // heard, then recorded
  }
  [coming, log.held] = [[], 0];
  const facts = [...known.values()].sort((one, other) => other.position - one.position);
  log.facts = facts.slice(0, Math.max(most, Math.min(facts.length, log.facts.length)));
  if (facts.length > log.facts.length) log.older = log.facts.at(-1)?.position ?? null;
}
