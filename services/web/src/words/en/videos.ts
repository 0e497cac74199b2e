// Of the panel `videos`.

export const videos = {
  soon: 'This panel is being built.',
};
