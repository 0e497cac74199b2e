"""The peer: as much of the Pusher protocol as `wsload` needs, on picows and uvloop, used as their pages show.

`python -m benchmarks.peers.picows_send PORT`
"""

import json
import signal
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from shared.engines.process import die_with_parent

ESTABLISHED = json.dumps(
    {"event": "pusher:connection_established", "data": '{"socket_id":"1.1","activity_timeout":120}'}
).encode()
SUBSCRIBED = b'{"event":"pusher_internal:subscription_succeeded","channel":"bench","data":"{}"}'

subscribers: dict[WSTransport, None] = {}


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, ESTABLISHED)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        text = json.loads(frame.get_payload_as_utf8_text())
        if text["event"] == "pusher:subscribe":
            subscribers[transport] = None
            transport.send(WSMsgType.TEXT, SUBSCRIBED)
            return
        message = json.dumps(text).encode()
        for subscriber in subscribers:
            if subscriber is not transport:
                subscriber.send(WSMsgType.TEXT, message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        subscribers.pop(transport, None)


def welcome(_: WSUpgradeRequest) -> Client:
    return Client()


async def main(port: int) -> None:
    server = await ws_create_server(welcome, "127.0.0.1", port, backlog=4096, websocket_handshake_timeout=60)
    await server.serve_forever()


die_with_parent(signal.SIGKILL)
uvloop.run(main(int(sys.argv[1])))
