// Of the panel `videos`.
import type { Words } from '../en.ts';

export const videos: Words['videos'] = {
  soon: 'القسم ده لسه بيتعمل.',
};
