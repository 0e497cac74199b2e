// Of the panel `break`.
import type { Words } from '../en.ts';

export const breaking: Words['breaking'] = {
  soon: 'القسم ده لسه بيتعمل.',
};
