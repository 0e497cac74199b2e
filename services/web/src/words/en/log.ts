// Of the panel `log`.

export const log = {
  soon: 'This panel is being built.',
};
