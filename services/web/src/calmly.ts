// Work that may be wished for at any time, and is done in peace.

/** At most one run at a time, with a rest (milliseconds) after it; what is wished for meanwhile is done once, afterwards. */
export function calmly(work: () => void | Promise<void>, rest: number): () => void {
  let busy = false;
  let again = false;
  async function run(): Promise<void> {
    busy = true;
    do {
      again = false;
      await Promise.resolve(work()).catch(() => undefined); // it is looked again; the connection says what is wrong
      await new Promise((resolve) => setTimeout(resolve, rest));
    } while (again);
    busy = false;
  }
  return () => {
    if (busy) again = true;
    else void run();
  };
}
