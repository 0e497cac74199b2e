// Of the panel `queues`.
import type { Words } from '../en.ts';

export const queues: Words['queues'] = {
  soon: 'القسم ده لسه بيتعمل.',
};
