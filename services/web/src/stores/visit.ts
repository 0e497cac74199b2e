// Who is here: the session and its Echo. Stores say what they do when somebody comes, and when too much was missed.
import type Echo from 'laravel-echo';
import { shallowReactive } from 'vue';
import { connect } from '../echo.ts';
import { Session, type User } from '../session.ts';
import type { PageConfig } from '../types/api.ts';
import { connection, listen, tell } from './connection.ts';
import { complain } from './saying.ts';

export interface Here {
  session: Session;
  echo: Echo<'pusher'>;
  user: User;
}

export const visit = shallowReactive<{ config: PageConfig | null; here: Here | null }>({ config: null, here: null });

const openings: ((here: Here) => void | Promise<void>)[] = [];
const refetchings: [RegExp, (here: Here, id: string) => void | Promise<void>][] = [];
/** In this tab only, so that loading the page again does not sign anybody out. */
const KEPT = 'taboor.session';

/** Run this for each visitor, once they are signed in: a store subscribes, then fetches. */
export function whenHere(open: (here: Here) => void | Promise<void>): void {
  openings.push(open);
}

/** Run this when too much was missed on a channel of this form; its first group is given. */
export function whenMissed(channel: RegExp, refetch: (here: Here, id: string) => void | Promise<void>): void {
  refetchings.push([channel, refetch]);
}

/** Return who is here; for what is only shown to somebody who is. */
export function here(): Here {
  if (!visit.here) throw new Error('nobody is signed in');
  return visit.here;
}

export function isOperator(): boolean {
  return visit.here?.user.role === 'operator';
}

export async function signIn(email: string, password: string): Promise<void> {
  await enter(await Session.signIn(email, password));
}

export async function signOut(): Promise<void> {
  sessionStorage.removeItem(KEPT);
  removeEventListener('pagehide', keep);
  const over = connection.state === 'closed'; // then there is nothing left to end
  await (over ? Promise.resolve() : here().session.signOut()).finally(() => location.reload());
}

/** Read the settings; let in again whoever was signed in. */
export async function resume(): Promise<void> {
  visit.config = (await (await fetch('/config.json')).json()) as PageConfig;
  const kept = sessionStorage.getItem(KEPT);
  if (!kept) return;
  const session = new Session(JSON.parse(kept));
  if (await session.renew().catch(() => true)) await enter(session);
  else sessionStorage.removeItem(KEPT);
}

async function enter(session: Session): Promise<void> {
  session.onEnd = () => tell('closed');
  const echo = connect({ pusher: visit.config!.pusher, session, onState: tell, onRefetch: missed });
  visit.here = { session, echo, user: session.user };
  Object.assign(window, { Echo: echo }); // the lecture's own line works in the browser's console, too
  listen(echo);
  addEventListener('pagehide', keep);
  for (const open of openings) void Promise.resolve(open(visit.here)).catch(complain);
}

function keep(): void {
  if (visit.here) sessionStorage.setItem(KEPT, JSON.stringify(visit.here.session));
}

function missed(name: string): void {
  for (const [channel, refetch] of refetchings) {
    const found = channel.exec(name);
    if (found) void Promise.resolve(refetch(here(), found[1] ?? '')).catch(complain);
  }
}
