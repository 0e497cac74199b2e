// Stock Laravel Echo that misses nothing: after a lost connection each channel goes on where it was, in order, each
// event once – or the page is told to fetch the truth. The packages are as they are: we give them documented options and
// wrap three methods (subscribe, unsubscribe, emit). The server's side is `/broadcasting/auth` and `services/realtime`.
import Echo from 'laravel-echo';
import Pusher, { type Channel } from 'pusher-js';
import { Positions } from './positions.ts';
import type { Session } from './session.ts';

/** connecting → live ⇄ reconnecting → catching-up → live; closed: for good, somebody has to sign in again. */
export type State = 'connecting' | 'live' | 'reconnecting' | 'catching-up' | 'closed';

export interface Wishes {
  pusher: { key: string; host: string; port: number; scheme: string };
  session: Session;
  onState?: (state: State) => void;
  /** Too much was missed on this channel: fetch what it tells of; what comes from now on is heard. */
  onRefetch?: (channel: string) => void;
}

/** A line that has gone dead is noticed after these two together (milliseconds). */
const SILENCE = { activityTimeout: 15_000, pongTimeout: 6_000 };
/** How long to wait when the API does not answer (milliseconds), twice as long each time. */
const [FIRST_WAIT, LONGEST_WAIT] = [500, 10_000];
/** After how long an attempt to connect is given up, the longest at last. */
const [FIRST_ATTEMPT, LONGEST_ATTEMPT] = [2_000, 10_000];

/** Connect, and return an Echo like any other. */
export function connect(wishes: Wishes): Echo<'pusher'> {
  const { pusher: where, session } = wishes;
  const positions = new Positions();
  const pusher = new Pusher(where.key, {
    ...SILENCE,
    cluster: '',
    wsHost: where.host,
    wsPort: where.port,
    wssPort: where.port,
    forceTLS: where.scheme === 'https',
    enabledTransports: ['ws'], // with TLS, too
    channelAuthorization: {
      transport: 'ajax',
      endpoint: `${session.api}/broadcasting/auth`,
      headersProvider: () => session.headers,
      paramsProvider: () => ({ last_event_ids: positions.asJson() }),
    },
    userAuthentication: {
      transport: 'ajax',
      endpoint: `${session.api}/broadcasting/user-auth`,
      headersProvider: () => session.headers,
    },
  });
  new Follower(pusher, positions, wishes);
  return new Echo({ broadcaster: 'pusher', client: pusher });
}

/** Sees each frame of each channel before the page's own listeners do. */
class Follower {
  readonly #pusher: Pusher;
  readonly #positions: Positions;
  readonly #wishes: Wishes;
  readonly #refused = new Set<string>();
  readonly #failures = new Map<string, number>();
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hurrying = false;
  #wasLive = false;
  #state: State | undefined;

  constructor(pusher: Pusher, positions: Positions, wishes: Wishes) {
    this.#pusher = pusher;
    this.#positions = positions;
    this.#wishes = wishes;
    this.#wrapSubscribing();
    pusher.connection.bind('state_change', () => this.#onConnection());
    pusher.connection.bind('connecting_in', () => this.#tellState(this.#away()));
    this.#onConnection();
  }

  #onConnection(): void {
    if (this.#hurrying) return;
    const state = this.#pusher.connection.state;
    clearTimeout(this.#timer);
    if (state === 'connected') this.#attempts = 0;
    if (state === 'connecting' || state === 'unavailable') {
      this.#timer = setTimeout(() => this.#hurry(), growing(FIRST_ATTEMPT, this.#attempts++, LONGEST_ATTEMPT));
    }
    this.#tellState();
  }

  /** Stock pusher-js waits 15, 30, then 60 seconds after an attempt that failed; a server is back sooner than that. */
  #hurry(): void {
    this.#hurrying = true;
    this.#pusher.disconnect();
    this.#hurrying = false;
    this.#pusher.connect();
  }

  #wrapSubscribing(): void {
    const pusher = this.#pusher;
    const [subscribe, unsubscribe] = [pusher.subscribe.bind(pusher), pusher.unsubscribe.bind(pusher)];
    pusher.subscribe = (name) => {
      const known = pusher.channel(name);
      const channel = subscribe(name);
      if (channel !== known) this.#follow(channel);
      this.#tellState();
      return channel;
    };
    pusher.unsubscribe = (name) => {
      unsubscribe(name);
      this.#positions.forget(name);
      this.#forgive(name);
      this.#tellState();
    };
  }

  #follow(channel: Channel): void {
    const emit = channel.emit.bind(channel);
    channel.emit = (event, data, metadata) => {
      if (this.#isOld(channel, event, data)) return channel;
      try {
        return emit(event, data, metadata) as Channel;
      } finally {
        this.#afterwards(channel, event, data); // also when a listener of the page throws
      }
    };
  }

  #isOld(channel: Channel, event: string, data: unknown): boolean {
    const numbers = (data ?? {}) as { event_id?: unknown; position?: unknown };
    if (event === 'pusher:resume_failed') this.#positions.doubt(channel.name);
    if (event === 'pusher:position' && typeof numbers.position === 'number') {
      this.#positions.reach(channel.name, numbers.position);
    }
    if (event.startsWith('pusher:') || typeof numbers.event_id !== 'number') return false; // a signal has no position
    return !this.#positions.reach(channel.name, numbers.event_id);
  }

  #afterwards(channel: Channel, event: string, data: unknown): void {
    if (event === 'pusher:resume_failed') this.#wishes.onRefetch?.(channel.name);
    if (event === 'pusher:subscription_error') this.#onError(channel, (data ?? {}) as { status?: number });
    if (event === 'pusher:subscription_succeeded') this.#forgive(channel.name);
    if (event.startsWith('pusher:')) this.#tellState();
  }

  /** Stock pusher-js leaves a channel at its first failure, silently; the API may only have been away. */
  #onError(channel: Channel, { status = 0 }: { status?: number }): void {
    channel.subscriptionPending = false;
    if (isFinal(status)) return void this.#refused.add(channel.name);
    const failures = this.#failures.get(channel.name) ?? 0;
    this.#failures.set(channel.name, failures + 1);
    const atOnce = status === 401 && failures === 0; // most likely the token is old
    setTimeout(() => void this.#again(channel, status), atOnce ? 0 : growing(FIRST_WAIT, failures, LONGEST_WAIT));
  }

  async #again(channel: Channel, status: number): Promise<void> {
    if (this.#pusher.channel(channel.name) !== channel || channel.subscribed) return;
    try {
      if (status === 401 && !(await this.#wishes.session.renew())) return this.#pusher.disconnect();
    } catch {
      return this.#onError(channel, { status }); // the API is away: later
    }
    if (this.#pusher.channel(channel.name) === channel) this.#pusher.subscribe(channel.name);
  }

  #forgive(name: string): void {
    this.#refused.delete(name);
    this.#failures.delete(name);
  }

  #tellState(state: State = this.#stateNow()): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'live') this.#wasLive = true;
    this.#wishes.onState?.(state);
  }

  #away(): State {
    return this.#wasLive ? 'reconnecting' : 'connecting';
  }

  #stateNow(): State {
    const state = this.#pusher.connection.state;
    if (state === 'disconnected' || state === 'failed') return 'closed';
    if (state !== 'connected') return this.#away();
    const waiting = this.#pusher.allChannels().some(({ name, subscribed }) => !subscribed && !this.#refused.has(name));
    return waiting ? 'catching-up' : 'live';
  }
}

/** Whether asking again is in vain. */
function isFinal(status: number): boolean {
  return (status >= 400 && status < 500 && ![401, 408, 429].includes(status)) || status >= 4000;
}

/** Twice as long each time, and not all clients at the same moment. */
function growing(first: number, times: number, longest: number): number {
  return Math.min(first * 2 ** times, longest) * (0.75 + Math.random() / 2);
}
