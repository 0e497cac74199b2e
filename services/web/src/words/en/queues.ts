// Of the panel `queues`.

export const queues = {
  soon: 'This panel is being built.',
};
