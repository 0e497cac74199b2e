// services/web/src/echo.ts under Node: told what to do by lines of JSON, it prints what it hears by lines of JSON.
import { createInterface } from 'node:readline';
import { connect } from '../../../services/web/src/echo.ts';
import { Session } from '../../../services/web/src/session.ts';

const say = (line) => console.log(JSON.stringify(line));
const { api, token, user, pusher, expires_in = 900 } = JSON.parse(process.env.TABOOR_LIVE);
const session = new Session({ access_token: token, expires_in, user }, api);
session.onEnd = () => say({ ended: true });
const Echo = connect({
  pusher,
  session,
  onState: (state) => say({ state }),
  onRefetch: (channel) => say({ refetch: channel }),
});

function listen(channel) {
  Echo.private(channel)
    .listenToAll((name, data) => say(data.event_id ? { heard: [data.event_id, name], data } : { signal: name, data }))
    .subscribed(() => say({ subscribed: channel }))
    .error(({ status }) => say({ refused: [channel, status] }));
}

const commands = {
  listen,
  leave: (channel) => Echo.leave(channel),
  signOut: () => session.signOut(),
  token: () => say({ token: session.headers.Authorization }),
};
for await (const line of createInterface({ input: process.stdin })) {
  for (const [command, argument] of Object.entries(JSON.parse(line))) await commands[command](argument);
}
process.exit(0);
