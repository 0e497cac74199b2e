// What is for sale, and how much of it is left: told to everybody as it changes.
import { reactive } from 'vue';
import type { Order, Product } from '../types/api.ts';
import type { StockChanged } from '../types/events.ts';
import { Away, Problem } from '../session.ts';
import { here, whenHere, whenMissed } from './visit.ts';

/** How long to wait before an order without an answer is sent again (milliseconds); the last is the longest. */
const WAITS = [500, 1_000, 2_000, 4_000];
const PATIENCE = 120_000;

export const shop = reactive({ products: [] as Product[], card: 'pm_card_visa', askingAgain: 0 });

whenHere(({ echo }) => {
  echo
    .channel('products') // what is said there is not said again: ask once we are back
    .listen('StockChanged', (e: StockChanged) => left(e))
    .subscribed(() => void refetch());
});
whenMissed(/^products$/, refetch);

/** Place an order. Without an answer it is sent again with the same key: however often that is, it is one order. */
export async function place(productId: string, quantity: number, key: string): Promise<{ answer: Order; replayed: boolean }> {
  const [end, wanted] = [Date.now() + PATIENCE, wish(productId, quantity)];
  for (let times = 0; ; times++) {
    try {
      return await here().session.postWithKey<Order>('/orders', wanted, key);
    } catch (what) {
      if (!mayPass(what) || Date.now() > end) throw what;
      shop.askingAgain++;
      await new Promise((resolve) => setTimeout(resolve, WAITS[times] ?? WAITS.at(-1)));
      shop.askingAgain--;
    }
  }
}

/** Nobody knows whether it was placed, or the first request is still being answered. */
function mayPass(what: unknown): boolean {
  return what instanceof Away || (what instanceof Problem && (what.status >= 500 || what.code === 'key_in_use'));
}

export function wish(productId: string, quantity: number): object {
  return { items: [{ product_id: productId, quantity }], payment_method: shop.card };
}

async function refetch(): Promise<void> {
  shop.products = (await here().session.get<{ items: Product[] }>('/products')).items;
}

function left({ product_id, available }: StockChanged): void {
  const product = shop.products.find(({ id }) => id === product_id);
  if (!product) return void refetch(); // it came after the list
  product.reserved += product.available - available; // right until something is shipped; the next visit asks anew
  product.available = available;
}
