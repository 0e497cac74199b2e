// All words of the page in English. `Words` is what every language has to say: a missing one fails the check.
import { breaking } from './en/break.ts';
import { log } from './en/log.ts';
import { order } from './en/order.ts';
import { page } from './en/page.ts';
import { queues } from './en/queues.ts';
import { shop } from './en/shop.ts';
import { videos } from './en/videos.ts';

export const en = { page, shop, order, videos, log, queues, breaking };
export type Words = typeof en;
