// The lecture's client, with stock laravel-echo and pusher-js and nothing of ours: set up, then its very lines.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../services/web/package.json', import.meta.url));
const { api, token, orderId, pusher } = JSON.parse(process.env.TABOOR_LECTURE);

globalThis.window = globalThis;
window.Pusher = require('pusher-js');
const { default: EchoOfLaravel } = await import('../../../services/web/node_modules/laravel-echo/dist/echo.js');

window.Echo = new EchoOfLaravel({
  broadcaster: 'pusher',
  key: pusher.key,
  cluster: '',
  wsHost: pusher.host,
  wsPort: pusher.port,
  forceTLS: false,
  enabledTransports: ['ws'],
  authEndpoint: `${api}/broadcasting/auth`,
  bearerToken: token,
});
Echo.private(`orders.${orderId}`).subscribed(() => process.stdout.write('{"subscribed":true}\n'));

function updateUI(order) {
  process.stdout.write(`${JSON.stringify({ order })}\n`);
  process.exit(0);
}

// Listening to Events
Echo.private(`orders.${orderId}`)
    .listen('OrderShipped', (e) => {
        console.log('Order shipped!', e.order);
        updateUI(e.order);
    });
