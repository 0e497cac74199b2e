// pusher-js as it is (J1 to J8 of the conformance list).
import assert from 'node:assert/strict';
import { connected, flush, once, post, publish, pusher, run, subscribed, until } from './clients.mjs';

await run({
  'J1 it connects and has a socket id': async () => {
    const client = pusher();
    await connected(client);
    assert.match(client.connection.socket_id, /^\d+\.\d+$/);
  },

  'J2 a private channel is subscribed and hears its events': async () => {
    const channel = pusher().subscribe('private-orders.7');
    await subscribed(channel);
    const heard = once(channel, 'order-shipped');
    await publish('private-orders.7', 'order-shipped', { order: { id: 7, note: 'مكتب جوز 🚚' } });
    assert.deepEqual((await heard).data, { order: { id: 7, note: 'مكتب جوز 🚚' } });
  },

  'J3 a presence channel knows its members, who comes and who goes': async () => {
    const room = pusher('layla').subscribe('presence-majlis');
    await subscribed(room);
    assert.equal(room.members.me.id, 'layla');
    assert.equal(room.members.count, 1);
    const [came, other] = [once(room, 'pusher:member_added'), pusher('omar')];
    const same = other.subscribe('presence-majlis');
    assert.deepEqual((await came).data, { id: 'omar', info: { name: 'omar' } });
    await subscribed(same);
    const names = [];
    same.members.each(({ info }) => names.push(info.name));
    assert.deepEqual(names.sort(), ['layla', 'omar']);
    const gone = once(room, 'pusher:member_removed');
    other.disconnect();
    assert.equal((await gone).data.id, 'omar');
    assert.equal(room.members.count, 1);
  },

  'J4 a client event reaches the others, and they know from whom': async () => {
    const [one, other] = [pusher('layla').subscribe('presence-desk'), pusher('omar').subscribe('presence-desk')];
    await Promise.all([subscribed(one), subscribed(other)]);
    const echoed = [];
    one.bind('client-typing', (data) => echoed.push(data));
    const heard = once(other, 'client-typing');
    assert.equal(one.trigger('client-typing', { line: 1 }), true);
    const { data, metadata } = await heard;
    assert.deepEqual([data, metadata.user_id], [{ line: 1 }, 'layla']);
    await flush(one);
    assert.deepEqual(echoed, []);
  },

  'J5 a cache channel says that it is empty, and then what was last said': async () => {
    const name = `cache-stock-${process.pid}`;
    const early = pusher().subscribe(name);
    await once(early, 'pusher:cache_miss');
    const heard = once(early, 'changed');
    await publish(name, 'changed', { left: 3 });
    await heard;
    const late = pusher().subscribe(name);
    assert.deepEqual((await once(late, 'changed')).data, { left: 3 });
  },

  'J6 a user signs in, is spoken to, and is thrown out': async () => {
    const client = pusher('nour');
    const [signedIn, told] = [once(client, 'pusher:signin_success'), once(client.user, 'greeting')];
    client.signin();
    await signedIn;
    assert.equal(client.user.user_data.id, 'nour');
    await publish('#server-to-user-nour', 'greeting', { text: 'أهلاً' });
    assert.deepEqual((await told).data, { text: 'أهلاً' });
    await post('/users/nour/terminate_connections', {});
    await until(() => client.connection.state === 'disconnected', 'disconnected for good');
  },

  'J7 after its line was cut it connects and subscribes by itself': async () => {
    const client = pusher();
    const channel = client.subscribe('private-orders.8');
    await subscribed(channel);
    const [first, again] = [client.connection.socket_id, once(channel, 'pusher:subscription_succeeded')];
    cut(client);
    await again;
    assert.notEqual(client.connection.socket_id, first);
    const heard = once(channel, 'order-shipped');
    await publish('private-orders.8', 'order-shipped', { order: { id: 8 } });
    assert.equal((await heard).data.order.id, 8);
  },

  'J8 who may not listen is told so, by the application and by the server': async () => {
    const client = pusher();
    const [forbidden, forged] = [client.subscribe('private-forbidden'), client.subscribe('private-forged')];
    const refusals = await Promise.all([once(forbidden, 'pusher:subscription_error'), once(forged, 'pusher:subscription_error')]);
    assert.deepEqual(refusals.map(({ data }) => [data.type, data.status]), [['AuthError', 403], ['AuthError', 401]]);
    const fine = client.subscribe('private-orders.9');
    await subscribed(fine);
    assert.equal(forbidden.subscribed || forged.subscribed, false);
  },
});

/** Cut the TCP connection under a client, as a lost network does. */
function cut(client) {
  client.connection.connection.transport.socket._stream.destroy();
}
