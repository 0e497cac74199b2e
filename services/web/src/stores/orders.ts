// The orders one may see, and the one that is looked at with all that happened to it: subscribed first, then fetched.
import { reactive } from 'vue';
import { words } from '../i18n.ts';
import type { Order, Orders, Timeline } from '../types/api.ts';
import type { OrderSnapshot } from '../types/events.ts';
import { complain, say } from './saying.ts';
import { here, isOperator, whenHere, whenMissed } from './visit.ts';

/** An order of the API, or of a fact: the latter knows neither its links nor its payment. */
export type Shown = Pick<Order, 'id' | 'number' | 'status' | 'version' | 'total' | 'currency' | 'placed_at'> &
  Pick<Order, 'reason' | 'expires_at' | 'cancel_requested_at' | 'payment_method' | 'user_id'> & {
    items: ((Order['items'][number] | OrderSnapshot['items'][number]) & { quantity: number })[];
    payment?: Order['payment'];
  };

interface Watched {
  id: string;
  timeline: Timeline | null;
}

const SHOWN = 20;
const KEPT = 200;
const GATHERED = 120; // milliseconds in which several facts are one question
/** A job's beginning is not announced: while something is open, ask again after so many milliseconds. */
const AGAIN = 1_000;
/** What the bank and the phone company report is said on no channel: look until nothing new has come for so long. */
const LATER = 3_000;
const ENDED = ['succeeded', 'failed', 'cancelled'];

export const orders = reactive({
  byId: {} as Record<string, Shown>,
  watched: null as Watched | null,
  loaded: false,
});

let asking: { at: number; timer: ReturnType<typeof setTimeout> } | undefined;

whenHere(({ echo, user }) => {
  const all = isOperator() ? echo.private('orders') : echo.private(`user.${user.id}`);
  all.listenToAll((name: string, e: { order?: OrderSnapshot }) => e.order && heard(name, e.order));
  all.subscribed(() => void refetchList().catch(complain));
});

whenMissed(/^private-(?:orders|user\..+)$/, refetchList);
whenMissed(/^private-orders\.(.+)$/, refetch);

async function refetchList(): Promise<void> {
  (await here().session.get<Orders>(`/orders?limit=${SHOWN}`)).items.forEach(updateUI);
  orders.loaded = true;
}

/** The newest first. */
export function newest(): Shown[] {
  return Object.values(orders.byId).sort((one, other) => other.number - one.number).slice(0, SHOWN);
}

/** Show an order and what happens to it: subscribe first, then fetch, so that nothing falls in between. */
export function follow(orderId: string): void {
  if (orders.watched?.id === orderId) return;
  leave();
  orders.watched = { id: orderId, timeline: null };
  const Echo = here().echo;

  Echo.private(`orders.${orderId}`)
    .listen('OrderShipped', (e: { order: OrderSnapshot }) => {
      console.log('Order shipped!', e.order);
      updateUI(e.order);
    });

  Echo.private(`orders.${orderId}`)
    .listenToAll((_name: string, e: { order?: OrderSnapshot }) => {
      if (e.order) updateUI(e.order);
      askSoon(orderId, GATHERED);
    })
    .subscribed(() => askSoon(orderId, 0))
    .error(() => askSoon(orderId, 0)); // what may not be heard may not be read either: the API says why
}

export function leave(): void {
  if (orders.watched) here().echo.leave(`orders.${orders.watched.id}`);
  clearTimeout(asking?.timer);
  [orders.watched, asking] = [null, undefined];
}

/** Show the order as it is now, unless we know a newer version of it. */
export function updateUI(order: Shown): void {
  const known = orders.byId[order.id];
  if (known && order.version < known.version) return;
  orders.byId[order.id] = { ...known, ...order, payment: order.payment ?? known?.payment ?? null };
  if (Object.keys(orders.byId).length > KEPT) forget();
}

/** Keep what is shown: under a load there are thousands. */
function forget(): void {
  const shown = new Set([orders.watched?.id, ...newest().map(({ id }) => id)]);
  for (const id of Object.keys(orders.byId)) if (!shown.has(id)) delete orders.byId[id];
}

export async function cancel(orderId: string): Promise<void> {
  updateUI(await here().session.post<Order>(`/orders/${orderId}/cancellation`));
}

export async function ship(orderId: string): Promise<void> {
  updateUI(await here().session.post<Order>(`/orders/${orderId}/shipment`));
}

const waiting: [string, OrderSnapshot][] = [];

/** Draw once what is heard at once: fifty facts a second are too many to draw one by one. */
function heard(name: string, order: OrderSnapshot): void {
  if (waiting.push([name, order]) === 1) setTimeout(draw, GATHERED);
}

function draw(): void {
  for (const [name, order] of waiting.splice(0)) {
    updateUI(order);
    const happened = words.value.order.facts[name];
    if (happened) say(words.value.order.changed(order.number, happened));
  }
}

/** Ask once for several facts that come together; what is to be asked earlier stays so. */
function askSoon(orderId: string, after: number): void {
  const at = Date.now() + after;
  if (asking && asking.at <= at) return;
  clearTimeout(asking?.timer);
  const ask = () => {
    asking = undefined;
    void refetch(here(), orderId).catch(complain);
  };
  asking = { at, timer: setTimeout(ask, after) };
}

async function refetch(_: unknown, orderId: string): Promise<void> {
  const { session } = here();
  const [order, timeline] = await Promise.all([
    session.get<Order>(`/orders/${orderId}`),
    session.get<Timeline>(`/orders/${orderId}/timeline`),
  ]);
  updateUI(order);
  if (orders.watched?.id !== orderId) return;
  const isNew = sizeOf(timeline) !== sizeOf(orders.watched.timeline);
  orders.watched.timeline = timeline;
  const next = nextLook(timeline);
  if (isNew) askSoon(orderId, Math.min(next ?? LATER, LATER));
  else if (next !== null) askSoon(orderId, next);
}

function sizeOf(timeline: Timeline | null): number {
  return timeline ? timeline.events.length + timeline.jobs.reduce((sum, { attempts }) => sum + 1 + attempts.length, 0) : 0;
}

/** When to ask again (milliseconds from now), if nothing is heard before: soon while something is done, else when a job is due. */
function nextLook({ jobs, events }: Timeline): number | null {
  if (events.some(({ position }) => position === null)) return AGAIN;
  const open = jobs.filter(({ state }) => !ENDED.includes(state) && state !== 'blocked');
  if (open.length === 0) return null;
  return Math.max(AGAIN, Math.min(...open.map(({ available_at }) => Date.parse(available_at) - Date.now())) + GATHERED);
}
