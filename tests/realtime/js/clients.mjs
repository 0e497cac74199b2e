// What the cases share: the unmodified packages, a signer in the place of an application, the HTTP API, waiting.
import crypto from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import { run as runCases } from './run.mjs';

const require = createRequire(new URL('../../../services/web/package.json', import.meta.url));
export const Pusher = require('pusher-js');
export const { default: Echo } = await import('../../../services/web/node_modules/laravel-echo/dist/echo.js');
export const nacl = require('tweetnacl');

/** {app_id, key, secret, host, port} of the realtime node. */
export const server = JSON.parse(process.env.TABOOR_REALTIME ?? '{}');

const MASTER = 'the master key of encrypted channels';
const sign = (text) => crypto.createHmac('sha256', server.secret).update(text).digest('hex');
export const sharedSecret = (channel) => crypto.createHash('sha256').update(channel + MASTER).digest();

/** What an application's auth endpoints answer; a channel called …forbidden is nobody's. */
function answerTo(path, form) {
  const [socket, channel] = [form.get('socket_id'), form.get('channel_name')];
  if (path === '/user-auth') {
    const user_data = JSON.stringify({ id: form.get('user') ?? 'layla', name: 'ليلى' });
    return { auth: `${server.key}:${sign(`${socket}::user::${user_data}`)}`, user_data };
  }
  if (channel.endsWith('forbidden')) return undefined;
  if (channel.endsWith('forged')) return { auth: `${server.key}:${'0'.repeat(64)}` };
  if (channel.startsWith('presence-')) {
    const name = form.get('user') ?? 'layla';
    const channel_data = JSON.stringify({ user_id: name, user_info: { name } });
    return { auth: `${server.key}:${sign(`${socket}:${channel}:${channel_data}`)}`, channel_data };
  }
  const auth = `${server.key}:${sign(`${socket}:${channel}`)}`;
  return channel.startsWith('private-encrypted-')
    ? { auth, shared_secret: sharedSecret(channel).toString('base64') }
    : { auth };
}

const application = http.createServer((request, response) => {
  let body = '';
  request.on('data', (part) => (body += part)).on('end', () => {
    const answer = answerTo(request.url, new URLSearchParams(body));
    response.writeHead(answer ? 200 : 403, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  });
});
await new Promise((ready) => application.listen(0, '127.0.0.1', ready));
export const APPLICATION = `http://127.0.0.1:${application.address().port}`;

const clients = [];

/** The options that every client needs; `user` is who the application takes it for. */
export function options(user = 'layla') {
  return {
    cluster: '',
    wsHost: server.host,
    wsPort: server.port,
    forceTLS: false,
    enabledTransports: ['ws'],
    channelAuthorization: { transport: 'ajax', endpoint: `${APPLICATION}/auth`, params: { user } },
    userAuthentication: { transport: 'ajax', endpoint: `${APPLICATION}/user-auth`, params: { user } },
  };
}

export function pusher(user, more = {}) {
  const client = new Pusher(server.key, { ...options(user), ...more });
  clients.push(client);
  return client;
}

export function echo(user, more = {}) {
  const made = new Echo({ broadcaster: 'pusher', key: server.key, Pusher, ...options(user), ...more });
  clients.push(made.connector.pusher);
  return made;
}

/** Wait for an event of a channel, or of anything else that has `bind`. */
export const once = (thing, event) =>
  within(new Promise((heard) => thing.bind(event, (data, metadata) => heard({ data, metadata }))), event);
export const subscribed = (channel) => (channel.subscribed ? undefined : once(channel, 'pusher:subscription_succeeded'));
export const connected = (client) => (client.connection.state === 'connected' ? undefined : once(client.connection, 'connected'));

export async function until(fact, what) {
  const deadline = Date.now() + 5000;
  while (!fact()) {
    if (Date.now() > deadline) throw new Error(`not so after 5 s: ${what}`);
    await new Promise((later) => setTimeout(later, 5));
  }
}

/** Call the HTTP API as an official server library does. */
export async function post(path, content) {
  const body = JSON.stringify(content);
  const query = new URLSearchParams({
    auth_key: server.key,
    auth_timestamp: String(Math.floor(Date.now() / 1000)),
    auth_version: '1.0',
    body_md5: crypto.createHash('md5').update(body).digest('hex'),
  });
  const whole = `/apps/${server.app_id}${path}`;
  query.append('auth_signature', sign(`POST\n${whole}\n${query}`));
  const url = `http://${server.host}:${server.port}${whole}?${query}`;
  const answer = await fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

export const publish = (channel, name, data, more = {}) =>
  post('/events', { name, channels: [channel], data: JSON.stringify(data), ...more });

/** Publish something, and once it is heard all that was sent before it would have been heard, too. */
export async function flush(channel) {
  const heard = once(channel, 'flushed');
  await publish(channel.name, 'flushed', {});
  await heard;
}

function within(promise, what) {
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`not within 5 s: ${what}`)), 5000).unref());
  return Promise.race([promise, late]);
}

/** Run cases; the clients of each are gone before the next begins. */
export const run = (cases) => runCases(cases, () => clients.splice(0).forEach((client) => client.disconnect()));
