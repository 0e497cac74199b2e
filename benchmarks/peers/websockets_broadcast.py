"""The peer: as much of the Pusher protocol as `wsload` needs, on `websockets` and its own broadcast().

`python -m benchmarks.peers.websockets_broadcast PORT`
"""

import asyncio
import json
import signal
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

from shared.engines.process import die_with_parent

ESTABLISHED = json.dumps(
    {"event": "pusher:connection_established", "data": '{"socket_id":"1.1","activity_timeout":120}'}
)
SUBSCRIBED = '{"event":"pusher_internal:subscription_succeeded","channel":"bench","data":"{}"}'

subscribers: set[ServerConnection] = set()


async def attend(client: ServerConnection) -> None:
    await client.send(ESTABLISHED)
    try:
        async for text in client:
            frame = json.loads(text)
            if frame["event"] == "pusher:subscribe":
                subscribers.add(client)
                await client.send(SUBSCRIBED)
            else:
                broadcast(subscribers - {client}, json.dumps(frame))
    finally:
        subscribers.discard(client)


async def main(port: int) -> None:
    async with serve(attend, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096):
        await asyncio.Future()


die_with_parent(signal.SIGKILL)
asyncio.run(main(int(sys.argv[1])))
