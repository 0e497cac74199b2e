// Of the panel `break`.

export const breaking = {
  soon: 'This panel is being built.',
};
