// Two buyers at once: oneself, and somebody else in a session of their own that lasts as long as the race.
import { reactive } from 'vue';
import { randomKey, Session } from '../session.ts';
import type { Order } from '../types/api.ts';
import { updateUI } from './orders.ts';
import { wish } from './shop.ts';
import { here } from './visit.ts';

const RIVALS = ['omar@example.com', 'layla@example.com'];
const PASSWORD = 'taboor'; // the demo's
const LOOK = 300; // milliseconds from one look at the other's order to the next
const PATIENCE = 60_000;

export const race = reactive({
  busy: false,
  rival: '',
  left: 0,
  pieces: 0,
  mine: null as Order | null,
  theirs: null as Order | null,
});

/** As many pieces as can be had once, and not twice. */
export const ENOUGH = (left: number): number => Math.min(1000, Math.floor(left / 2) + 1);

export async function run(productId: string, left: number): Promise<void> {
  const { session: mine, user } = here();
  const rival = RIVALS.find((email) => email !== user.email)!;
  Object.assign(race, { busy: true, rival, left, pieces: ENOUGH(left), mine: null, theirs: null });
  try {
    const theirs = await Session.signIn(rival, PASSWORD);
    const place = (session: Session) => session.post<Order>('/orders', wish(productId, race.pieces), randomKey());
    [race.mine, race.theirs] = await Promise.all([place(mine), place(theirs)]);
    updateUI(race.mine);
    await Promise.all([settled(mine, 'mine'), settled(theirs, 'theirs')]);
    await theirs.signOut();
  } finally {
    race.busy = false;
  }
}

/** Look until it is decided who has the stock. */
async function settled(session: Session, who: 'mine' | 'theirs'): Promise<void> {
  const [end, id] = [Date.now() + PATIENCE, race[who]!.id];
  while (race[who]!.status === 'placed' && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK));
    race[who] = await session.get<Order>(`/orders/${id}`);
  }
}
