// The frame: who is here, where one can go, how the line is, the bell.
import { counted } from '../counting.ts';

export const page = {
  title: 'Taboor: watch the queue',
  skip: 'Skip to the content',
  places: 'Panels',
  panels: {
    shop: 'Shop',
    videos: 'Videos',
    log: 'What just happened',
    queues: 'Queues',
    break: 'Break something',
  },
  inArabic: 'عربي',
  dark: 'Dark',
  light: 'Light',
  signOut: 'Sign out',
  api: 'The API, to try by hand',
  close: 'Close',
  wrong: 'That did not work.',
  problems: {
    '': '',
    invalid_credentials: 'Address and password do not belong together.',
    not_found: 'There is nothing here by that address, or it is not yours.',
    forbidden: 'That is for operators only.',
    illegal_move: 'That is not possible any more: the order has moved on meanwhile.',
    unavailable: 'Something that is needed for this is away at the moment. Try again.',
    key_reused: 'This key was used for another order.',
    key_in_use: 'The first request with this key is still being answered.',
  } as Record<string, string>,
  offline: 'The shop does not answer at the moment.',
  connection: {
    label: 'Connection',
    connecting: 'connecting …',
    live: 'live',
    reconnecting: 'no connection',
    'catching-up': 'catching up …',
    closed: 'signed out',
    lost: (since: string) =>
      `The connection is lost since ${since}, and we are trying to get it back. Nothing is wrong with what you ordered: it goes on meanwhile, and you will see all of it.`,
    away: (since: string) => `The shop has not answered since ${since}, and we keep asking. What it had accepted is written down: it goes on as soon as the shop is back.`,
    ended: 'Your session is over: sign in again to go on watching.',
    catchingUp: (count: number) =>
      `catching up: ${counted('en', count, { one: '# event', other: '# events' })}`,
    caughtUp: (count: number) =>
      `live · ${counted('en', count, { one: '# missed event has', other: '# missed events have' })} been caught up`,
  },
  bell: {
    label: (unread: number) => counted('en', unread, { one: 'Messages, # is new', other: 'Messages, # are new' }),
    title: 'Messages',
    none: 'No messages yet. Order something.',
    fresh: 'new',
    how: 'They are rows in the database, and come live by Echo’s .notification().',
  },
  door: {
    title: 'See what happens after you press “Order”.',
    lead: 'Taboor is a small shop. What takes long – the card, the stock, the mail, the video – is done by queues, and everything that happens is an event. This page shows it while it happens, and lets you break it.',
    one: 'Walk in as somebody',
    people: {
      'layla@example.com': ['Layla', 'buys things'],
      'omar@example.com': ['Omar', 'buys things, too'],
      'nour@example.com': ['Nour', 'runs the shop: sees everything, ships, repairs'],
    } as Record<string, [string, string]>,
    other: 'Sign in with address and password',
    email: 'Address',
    password: 'Password',
    enter: 'Sign in',
  },
};
