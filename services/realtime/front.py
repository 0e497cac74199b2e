"""One port for WebSockets and HTTP: the first request says which; then picows or uvicorn has the connection."""

import asyncio
import re
from typing import cast

from picows import WSListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stub leaves it out
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from services.realtime.limits import Limits
from services.realtime.opening import allowed_origins, look_at
from services.realtime.quiet import QUIET
from services.realtime.service import Service

LONGEST_HEAD = 16_384
HEAD_WAIT = 10.0  # seconds
BUFFER = 1_024  # bytes that a connection has to read into; it grows for longer messages

_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
_LINE = re.compile(rb"\r\n(host|origin|sec-websocket-key|sec-websocket-version):[ \t]*([^\r\n]*)", re.IGNORECASE)


class Doors:
    """What is behind the front: the service's sockets, and the HTTP API."""

    def __init__(self, service: Service, limits: Limits, api: Config, key: str, origins: str) -> None:
        api.load()
        self.api, self.state = api, ServerState()
        self.limits, self._service, self._key = limits, service, key
        self._origins = allowed_origins(origins)

    def socket(self, target: str, origin: str | None) -> WSListener:
        return self._service.new_socket(look_at(target, origin, self._key, self._origins))


class Front(asyncio.Protocol):
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its bases
        self._timer = asyncio.get_running_loop().call_later(HEAD_WAIT, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > LONGEST_HEAD:
                self._transport.abort()
            return
        self._timer.cancel()
        head, rest = self._head[: end + 4], self._head[end + 4 :]
        if head.startswith(b"GET ") and _UPGRADE.search(head):
            self._to_websocket(head, rest)
        else:
            self._to_http(self._head)

    def _to_http(self, data: bytes) -> None:
        protocol = HttpToolsProtocol(self._doors.api, self._doors.state, {})
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)

    def _to_websocket(self, head: bytes, rest: bytes) -> None:
        """Pass on what picows needs of the request: it refuses Firefox's `Connection: keep-alive, Upgrade`."""
        lines = {name.lower(): value.strip() for name, value in _LINE.findall(head)}
        target = head.split(b" ", 2)[1].decode("latin-1")
        origin = lines.pop(b"origin", None)
        protocol = _websocket(self._doors, target, None if origin is None else origin.decode("latin-1"))
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        needed = b"".join(b"%s: %s\r\n" % line for line in lines.items())
        _feed(protocol, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + needed + b"\r\n" + rest)


def _websocket(doors: Doors, target: str, origin: str | None) -> WSProtocol:
    return WSProtocol(
        host_port=None,
        ws_path=None,
        is_client_side=False,
        ws_listener_factory=lambda _request: doors.socket(target, origin),
        logger=QUIET,
        disconnect_on_exception=True,
        websocket_handshake_timeout=5,
        enable_auto_ping=False,  # services/realtime/liveness.py looks at all of them at once
        auto_ping_idle_timeout=20,
        auto_ping_reply_timeout=20,
        auto_ping_strategy=1,
        enable_auto_pong=False,
        max_frame_size=doors.limits.message,
        extra_headers=None,
        read_buffer_init_size=BUFFER,
    )


def _feed(protocol: WSProtocol, data: bytes) -> None:
    """Have a buffered protocol read what came already."""
    while data:
        buffer = protocol.get_buffer(len(data))
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
