// services/web/src/echo.ts under Node: told what to do by lines of JSON, it prints what it hears by lines of JSON.
import { createInterface } from 'node:readline';
import { connect } from '../../../services/web/src/echo.ts';
import { Session } from '../../../services/web/src/session.ts';

const say = (line) => console.log(JSON.stringify(line));
const { api, email, password, pusher } = JSON.parse(process.env.TABOOR_LIVE);
const session = await Session.signIn(email, password, api);
session.onEnd = () => say({ ended: true });
const Echo = connect({
  pusher,
  session,
  onState: (state) => say({ state }),
  onRefetch: (channel) => say({ refetch: channel }),
});

function listen(channel) {
  Echo.private(channel)
    .listenToAll((name, data) => say({ channel, name, data }))
    .subscribed(() => say({ subscribed: channel }))
    .error(({ status }) => say({ refused: channel, status }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { listen: to, leave } = JSON.parse(line);
  if (to) listen(to);
  if (leave) Echo.leave(leave);
}
process.exit(0);
