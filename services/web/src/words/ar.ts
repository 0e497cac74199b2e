// All words of the page in Egyptian Arabic: written as one says it, not translated.
import { breaking } from './ar/break.ts';
import { log } from './ar/log.ts';
import { order } from './ar/order.ts';
import { page } from './ar/page.ts';
import { queues } from './ar/queues.ts';
import { shop } from './ar/shop.ts';
import { videos } from './ar/videos.ts';
import type { Words } from './en.ts';

export const ar: Words = { page, shop, order, videos, log, queues, breaking };
