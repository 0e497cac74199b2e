// The demo's mailbox: what really arrived outside. Where customers are real there is none, and this finds nothing.
import type { TimelineNotification } from '../types/api.ts';
import { here, isOperator, visit } from './visit.ts';

export interface Letter {
  channel: 'mail' | 'sms';
  to: string;
  sender: string;
  subject: string | null;
  text: string;
  message_id: string | null;
  received_at: string;
}

/** Return what arrived about the order of this number, the newest first. */
export async function lettersOf(order: number, sent: TimelineNotification[]): Promise<Letter[]> {
  if (!visit.config?.demo || sent.length === 0) return [];
  const addresses = isOperator() ? [...new Set(sent.map(({ recipient }) => recipient))] : [''];
  const ask = (to: string) => here().session.get<{ items: Letter[] }>(`/demo/mailbox${to && `?to=${encodeURIComponent(to)}`}`);
  const found = (await Promise.all(addresses.map(ask))).flatMap(({ items }) => items);
  const about = new RegExp(`#${order}(?!\\d)`);
  return found.filter(({ text, subject }) => about.test(`${subject} ${text}`));
}
