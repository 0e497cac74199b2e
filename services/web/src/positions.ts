// What has been heard of each channel, so that nothing is heard twice and nothing is left out.

/** How far each channel has been heard: the highest `event_id`, or what the server said when we joined. */
export class Positions {
  #reached = new Map<string, number>();
  #doubtful = new Set<string>();

  /** Remember a position; false if we were there already, so that this event was heard before. */
  reach(channel: string, position: number): boolean {
    const last = this.#reached.get(channel);
    if (last !== undefined && position <= last && !this.#doubtful.has(channel)) return false;
    this.#reached.set(channel, position);
    this.#doubtful.delete(channel);
    return true;
  }

  /** The server could not go on from where we were: whatever it says next is right, even if it is lower. */
  doubt(channel: string): void {
    this.#doubtful.add(channel);
  }

  forget(channel: string): void {
    this.#reached.delete(channel);
    this.#doubtful.delete(channel);
  }

  asJson(): string {
    return JSON.stringify(Object.fromEntries(this.#reached));
  }
}
