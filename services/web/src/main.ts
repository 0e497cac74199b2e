// The plain page: sign in, order and watch the order live; upload a video, watch it being processed and play it.
import { byId, make } from './dom.ts';
import { connect, type State } from './echo.ts';
import { Session } from './session.ts';
import { Videos } from './videos.ts';

interface Product {
  id: string;
  slug: string;
  name: string;
  price: number; // minor units
  currency: string;
  available: number;
}

interface Order {
  id: string;
  number: number;
  status: string;
  total: number;
  currency: string;
  version: number;
  items: { names?: { en: string }; name_en?: string; quantity: number }[];
}

interface Fact {
  event_id: number; // its position among all facts
  name: string;
  at: string;
  detail: string;
}

/** What a notice's event carries; other events carry the order. */
interface Notice {
  kind?: string;
  channel?: string;
}

interface Timeline {
  events: { position: number | null; name: string; occurred_at: string; payload: Notice }[];
}

interface Config {
  pusher: { key: string; host: string; port: number; scheme: string };
  demo: boolean;
}

const SHOWN = 10;
const DEMO_PASSWORD = 'taboor';
const PEOPLE = { Layla: 'layla@example.com', Omar: 'omar@example.com', 'Nour (operator)': 'nour@example.com' };
const SAYS: Record<State, string> = {
  connecting: 'connecting …',
  live: 'live',
  reconnecting: 'the connection is lost: connecting again; your orders go on meanwhile',
  'catching-up': 'catching up …',
  closed: 'the connection was ended: sign in again to go on watching',
};

const config = (await (await fetch('/config.json')).json()) as Config;
let session: Session;
let Echo: ReturnType<typeof connect>;
let videos: Videos;

// --- orders ---

const cards = new Map<string, { order: Order; facts: Map<number, Fact>; element: HTMLElement }>();

/** Show an order and what happens to it: subscribe first, then fetch, so that nothing falls in between. */
function watch(order: Order): void {
  if (cards.has(order.id)) return updateUI(order);
  const element = make('li', { className: 'order', id: `order-${order.id}` });
  cards.set(order.id, { order, facts: new Map(), element });
  byId('list').prepend(element);
  draw(order.id);
  const orderId = order.id;

  Echo.private(`orders.${orderId}`)
    .listen('OrderShipped', (e: { order: Order }) => {
      console.log('Order shipped!', e.order);
      updateUI(e.order);
    });

  Echo.private(`orders.${orderId}`)
    .listenToAll((name: string, e: Notice & { order?: Order; event_id?: number; occurred_at?: string }) => {
      if (e.event_id === undefined) return; // a signal: progress, not a fact
      note(orderId, { event_id: e.event_id, name, at: e.occurred_at ?? new Date().toISOString(), detail: detailOf(e) });
      if (e.order) updateUI(e.order);
    })
    .subscribed(() => void refetch(orderId).catch(complain));
}

/** Show the order as it is now, unless we know a newer version of it. */
function updateUI(order: Order): void {
  const card = cards.get(order.id);
  if (card && order.version >= card.order.version) card.order = order;
  draw(order.id);
}

function note(orderId: string, fact: Fact): void {
  cards.get(orderId)?.facts.set(fact.event_id, fact);
  draw(orderId);
}

async function refetch(orderId: string): Promise<void> {
  const [order, timeline] = await Promise.all([
    session.get<Order>(`/orders/${orderId}`),
    session.get<Timeline>(`/orders/${orderId}/timeline`),
  ]);
  for (const { position, name, occurred_at, payload } of timeline.events) {
    if (position !== null) note(orderId, { event_id: position, name, at: occurred_at, detail: detailOf(payload) });
  }
  updateUI(order);
}

/** Fetch what a channel tells of. */
async function refetchOf(channel: string): Promise<void> {
  const [, noun, id = ''] = /^private-(orders|videos)\.(.+)$/.exec(channel) ?? [];
  if (noun === 'orders') await refetch(id);
  if (noun === 'videos') await videos.refetch(id);
}

function draw(orderId: string): void {
  const card = cards.get(orderId);
  if (!card) return;
  const { order, facts, element } = card;
  element.classList.toggle('shipped', order.status === 'shipped');
  const things = order.items.map((item) => `${item.quantity} × ${item.names?.en ?? item.name_en}`).join(', ');
  const lines = [...facts.values()].sort((one, other) => one.event_id - other.event_id).map((fact) => {
    const time = make('time', { dateTime: fact.at, textContent: new Date(fact.at).toLocaleTimeString() });
    return make('li', { title: `fact ${fact.event_id}` }, time, ` ${words(fact.name)}${fact.detail}`);
  });
  const ship = make('button', { type: 'button', textContent: 'Ship it' });
  ship.addEventListener('click', () => void session.post<Order>(`/orders/${orderId}/shipment`).then(updateUI, complain));
  element.replaceChildren(
    make('h3', { textContent: `#${order.number}: ${order.status}` }),
    make('div', { className: 'quiet', textContent: `${things} – ${money(order.total, order.currency)}` }),
    make('ol', { className: 'facts' }, ...lines),
    ...(session.user.role === 'operator' && order.status === 'confirmed' ? [ship] : []),
  );
  byId('no-orders').hidden = true;
}

// --- the shop ---

async function showProducts(): Promise<void> {
  const { items } = await session.get<{ items: Product[] }>('/products');
  byId('products').replaceChildren(
    ...items.map((product) => {
      const title = make('h3', { textContent: product.name });
      const left = make('span', { id: `left-${product.id}` });
      const price = make('p', { className: 'quiet' }, `${money(product.price, product.currency)}, `, left, ' left');
      const order = make('button', { type: 'button', id: `order-of-${product.id}`, textContent: 'Order one' });
      order.dataset['product'] = product.slug;
      order.addEventListener('click', () => void place(product).catch(complain));
      return make('li', {}, title, price, order);
    }),
  );
  for (const { id, available } of items) showLeft({ product_id: id, available });
}

function showLeft({ product_id, available }: { product_id: string; available: number }): void {
  const left = document.getElementById(`left-${product_id}`);
  if (!left) return; // a product that came after the list
  left.textContent = String(available);
  (byId(`order-of-${product_id}`) as HTMLButtonElement).disabled = available === 0;
}

async function place(product: Product): Promise<void> {
  byId('problem').hidden = true;
  const items = [{ product_id: product.id, quantity: 1 }];
  watch(await session.post<Order>('/orders', { items, payment_method: 'pm_card_visa' }));
}

// --- signing in and out ---

async function signIn(email: string, password: string): Promise<void> {
  byId('problem').hidden = true;
  session = await Session.signIn(email, password);
  session.onEnd = () => tell('closed');
  Echo = connect({
    pusher: config.pusher,
    session,
    onState: tell,
    onRefetch: (channel) => void refetchOf(channel).catch(complain),
  });
  Object.assign(window, { Echo }); // the lecture's own line works in the browser's console, too
  byId('name').textContent = session.user.name;
  byId('door').hidden = true;
  for (const id of ['shop', 'orders', 'videos']) byId(id).hidden = false;
  videos = new Videos(session, Echo, complain);
  await showProducts();
  Echo.channel('products') // what is said there is not said again: ask once we are back
    .listen('StockChanged', showLeft)
    .subscribed(() => void showProducts().catch(complain));
  const orders = await session.get<{ items: Order[] }>(`/orders?limit=${SHOWN}`);
  orders.items.reverse().forEach(watch);
  await videos.show();
  if (session.user.role === 'operator') {
    Echo.private('orders').listen('OrderPlaced', (e: { order: Order }) => watch(e.order));
  }
}

async function signOut(): Promise<void> {
  await session.signOut().finally(() => location.reload());
}

function tell(state: State): void {
  const connection = byId('connection');
  connection.dataset['state'] = state;
  connection.textContent = SAYS[state];
}

function complain(problem: unknown): void {
  byId('problem').textContent = problem instanceof Error ? problem.message : String(problem);
  byId('problem').hidden = false;
}

// --- small helpers ---

function money(minor: number, currency: string): string {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).format(minor / 100);
}

function detailOf({ kind, channel }: Notice): string {
  return kind && channel ? ` (${channel}: ${kind.replace('_', ' ')})` : '';
}

/** OrderShipped → order shipped. */
function words(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}

for (const [name, email] of config.demo ? Object.entries(PEOPLE) : []) {
  const button = make('button', { type: 'button', textContent: name });
  button.addEventListener('click', () => void signIn(email, DEMO_PASSWORD).catch(complain));
  byId('people').append(button, ' ');
}
byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = new FormData(event.target as HTMLFormElement);
  void signIn(String(form.get('email')), String(form.get('password'))).catch(complain);
});
byId('sign-out').addEventListener('click', () => void signOut().catch(complain));
