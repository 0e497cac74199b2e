// Of the panel `log`.
import type { Words } from '../en.ts';

export const log: Words['log'] = {
  soon: 'القسم ده لسه بيتعمل.',
};
