// What is for sale, and how much of it is left: told to everybody as it changes.
import { reactive } from 'vue';
import type { Order, Product } from '../types/api.ts';
import type { StockChanged } from '../types/events.ts';
import { here, whenHere } from './visit.ts';

export const shop = reactive({ products: [] as Product[], card: 'pm_card_visa' });

whenHere(({ echo }) => {
  echo
    .channel('products') // what is said there is not said again: ask once we are back
    .listen('StockChanged', (e: StockChanged) => left(e))
    .subscribed(() => void refetch());
});

/** Place an order; the key says which one it is, however often it is sent. */
export async function place(productId: string, quantity: number, key: string): Promise<{ answer: Order; replayed: boolean }> {
  return here().session.postWithKey<Order>('/orders', wish(productId, quantity), key);
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
