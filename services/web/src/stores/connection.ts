// How the line to the realtime service is, since when, and how much was caught up after it was lost.
import type Echo from 'laravel-echo';
import { reactive } from 'vue';
import type { State } from '../echo.ts';
import { doubt } from './reach.ts';

const SHOWN = 6_000; // milliseconds that it is said how many facts were caught up

export const connection = reactive({ state: 'connecting' as State, since: new Date(), caughtUp: 0 });

let away = false;
let heard = new Set<number>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Taken by echo.ts whenever the state changes. */
export function tell(state: State): void {
  if (state === 'reconnecting' && !away) begin();
  if (state === 'live' && away) end();
  if (state !== 'catching-up' || connection.state === 'live') connection.since = new Date();
  connection.state = state;
  if (state === 'reconnecting') doubt(() => connection.state === 'reconnecting');
}

/** Count what comes in while we catch up: each fact once, whichever channels it is heard on. */
export function listen(echo: Echo<'pusher'>): void {
  echo.connector.pusher.bind_global((_name: string, data: { event_id?: unknown } | undefined) => {
    if (!away && !timer) return;
    if (typeof data?.event_id === 'number') heard.add(data.event_id);
    connection.caughtUp = heard.size;
  });
}

function begin(): void {
  clearTimeout(timer);
  [away, timer, heard, connection.caughtUp] = [true, undefined, new Set(), 0];
}

/** What was missed comes right after the channels are joined again. */
function end(): void {
  away = false;
  timer = setTimeout(() => [timer, connection.caughtUp] = [undefined, 0], SHOWN);
}
