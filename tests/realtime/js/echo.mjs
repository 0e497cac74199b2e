// Laravel Echo as it is (J9 to J13 of the conformance list).
import assert from 'node:assert/strict';
import { echo, flush, nacl, once, publish, run, sharedSecret, subscribed, until } from './clients.mjs';

const SHIPPED = 'App\\Events\\OrderShipped';
const NOTIFIED = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
const ready = async (channel) => {
  await subscribed(channel.subscription);
  return channel;
};

await run({
  'J9 the lecture line hears OrderShipped, which Laravel calls App Events OrderShipped': async () => {
    const heard = [];
    const channel = await ready(echo().private('orders.1').listen('OrderShipped', (e) => heard.push(e.order)));
    await publish('private-orders.1', SHIPPED, { order: { id: 1, status: 'shipped' } });
    await until(() => heard.length, 'OrderShipped is heard');
    await flush(channel.subscription);
    assert.deepEqual(heard, [{ id: 1, status: 'shipped' }]);
  },

  'J10 an own name is heard, toOthers leaves out the sender, and who left hears no more': async () => {
    const [sender, other] = [echo('layla'), echo('omar')];
    const [sent, got] = [[], []];
    const mine = await ready(sender.private('orders.2').listen('.order.moved', (e) => sent.push(e.step)));
    const theirs = await ready(other.private('orders.2').listen('.order.moved', (e) => got.push(e.step)));
    await publish('private-orders.2', 'order.moved', { step: 1 }, { socket_id: sender.socketId() });
    await publish('private-orders.2', 'order.moved', { step: 2 });
    await Promise.all([flush(mine.subscription), flush(theirs.subscription)]);
    assert.deepEqual([sent, got], [[2], [1, 2]]);
    sender.leave('orders.2');
    await publish('private-orders.2', 'order.moved', { step: 3 });
    await flush(theirs.subscription);
    assert.deepEqual([sent, got], [[2], [1, 2, 3]]);
  },

  'J11 join, here, joining, whisper, leaving': async () => {
    const [layla, omar, told] = [echo('layla'), echo('omar'), []];
    const room = layla.join('orders.3')
      .here((users) => told.push(['here', users.map(({ name }) => name)]))
      .joining(({ name }) => told.push(['joining', name]))
      .leaving(({ name }) => told.push(['leaving', name]))
      .listenForWhisper('typing', ({ name }) => told.push(['typing', name]));
    await ready(room);
    const same = await ready(omar.join('orders.3'));
    same.whisper('typing', { name: 'omar' });
    await until(() => told.length === 3, 'here, joining, typing');
    omar.leave('orders.3');
    await until(() => told.length === 4, 'leaving');
    assert.deepEqual(told, [['here', ['layla']], ['joining', 'omar'], ['typing', 'omar'], ['leaving', 'omar']]);
  },

  'J12 a notification is heard, with the broadcaster pusher and with reverb': async () => {
    const heard = [];
    for (const broadcaster of ['pusher', 'reverb']) {
      const channel = echo('layla', { broadcaster }).private('App.Models.User.1');
      await ready(channel.notification((notification) => heard.push([broadcaster, notification.type])));
    }
    await publish('private-App.Models.User.1', NOTIFIED, { id: 'a1', type: 'App\\Notifications\\OrderShipped' });
    await until(() => heard.length === 2, 'both heard it');
    assert.deepEqual(heard.sort(), [
      ['pusher', 'App\\Notifications\\OrderShipped'],
      ['reverb', 'App\\Notifications\\OrderShipped'],
    ]);
  },

  'J13 an encrypted channel is read by those who have its key': async () => {
    const channel = await ready(echo('layla', { nacl }).encryptedPrivate('orders.4'));
    const heard = once(channel.subscription, SHIPPED);
    await publish(channel.name, SHIPPED, sealed(channel.name, { order: { id: 4, note: 'سرّي' } }));
    assert.deepEqual((await heard).data, { order: { id: 4, note: 'سرّي' } });
  },
});

/** What a server library sends in the place of the data. */
function sealed(channel, data) {
  const nonce = nacl.randomBytes(nacl.secretbox.nonceLength);
  const box = nacl.secretbox(Buffer.from(JSON.stringify(data)), nonce, sharedSecret(channel));
  return { nonce: Buffer.from(nonce).toString('base64'), ciphertext: Buffer.from(box).toString('base64') };
}
