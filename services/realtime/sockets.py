"""One client's socket: messages come in whole, frames go out at once or not without bound, and it ends in order."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiofastnet import Transport
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from services.realtime import frames
from services.realtime.connection import Connection
from services.realtime.opening import Refusal
from services.realtime.wire import pack, pack_close

if TYPE_CHECKING:
    from services.realtime.service import Service

PROTOCOL_ERROR, UNSUPPORTED, NOT_UTF8, TOO_LONG, POLICY = 1002, 1003, 1007, 1009, 1008

NO_HEADERS: Any = {}  # one for all


class Socket(WSListener):
    """What picows calls. Slots, since there are ten thousand of them."""

    __slots__ = (
        "_loop",
        "_part",
        "_refusal",
        "_service",
        "_tcp",
        "closing",
        "core",
        "gone",
        "heard",
        "pinged",
        "sessions",
        "socket_id",
        "waiting",
        "write",
    )

    def __init__(self, service: "Service", core: Connection, refusal: Refusal | None) -> None:
        self._service, self.core, self._refusal = service, core, refusal
        self.socket_id = core.socket_id
        self.closing = self.gone = False  # closing: told to go, or told that it goes; gone: there is no socket any more
        self.sessions: tuple[str, ...] = ()  # whose end is its end
        self.waiting: deque[str] | None = None  # messages, while the one before waits for an answer
        self._part: list[bytes] | None = None  # a message's first fragments
        self.heard, self.pinged = monotonic(), 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._tcp = transport.underlying_transport
        assert isinstance(self._tcp, Transport)
        self._tcp.set_write_buffer_limits(self._service.limits.unsent)  # above it, pause_writing is called
        self.write: Callable[[bytes], None] = self._tcp.write_nocheck
        transport.request.headers = transport.response.headers = NO_HEADERS  # a kilobyte that nobody reads again
        if refusal := self._refusal or self._service.refusal():
            self.shut(*refusal)
        else:
            self._service.welcome(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard, self.pinged = monotonic(), 0
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._answer_close(frame)
        elif self.closing or transport.is_close_frame_sent or kind == WSMsgType.PONG:
            return
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.fail(PROTOCOL_ERROR, "no extension was agreed on")
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.BINARY:
            self.fail(UNSUPPORTED, "text frames only")
        else:
            self._gather(frame, first=kind == WSMsgType.TEXT)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows's signature
        self.closing = self.gone = True
        self._service.forget(self)

    def pause_writing(self) -> None:
        """Close whoever is too far behind. It comes from within `write`, maybe in the middle of a fan-out: not now."""
        if not self.closing:
            self._service.dropped_slow += 1
            self._loop.call_soon(self.shut, 4100, "Over capacity: this client reads too slowly")

    def resume_writing(self) -> None:
        """Nothing was paused."""

    def say(self, frame: str) -> None:
        self.push(pack(frame))

    def push(self, data: bytes) -> None:
        """Send to this one alone. A long replay is no sign that the client is slow."""
        if self.closing:
            return
        if len(data) > (most := self._service.limits.unsent) // 2:
            self._tcp.set_write_buffer_limits(most + len(data))
        self.write(data)

    def ping(self) -> None:
        """Ask whether anybody is there: browsers answer this without the page. The second time, ask the page."""
        self.pinged += 1
        self.push(b"\x89\x00" if self.pinged == 1 else pack(frames.PING))

    def shut(self, code: int, reason: str) -> None:
        """Say why in a frame, for old clients, and close."""
        self.fail(code, reason, pack(frames.error(code, reason)))

    def fail(self, code: int, reason: str, before: bytes = b"") -> None:
        """Close, and wait a little for the client's answer: what it still sends would reset the connection."""
        if self.closing:
            return
        self.closing = True
        self._service.forget(self)
        self.write(before + pack_close(code, reason))
        self._loop.call_later(self._service.limits.farewell, self._tcp.abort)

    def _gather(self, frame: WSFrame, *, first: bool) -> None:
        """Join fragments; hand over what is whole."""
        if first is (self._part is not None):
            self.fail(PROTOCOL_ERROR, "fragments out of order")
            return
        part = [*(self._part or ()), frame.get_payload_as_bytes()]
        if sum(map(len, part)) > self._service.limits.message or len(part) > 1_000:
            self.fail(TOO_LONG, "the message is too long")
            return
        self._part = None if frame.fin else part
        if frame.fin:
            self._hand_over(b"".join(part))

    def _hand_over(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self.fail(NOT_UTF8, "not UTF-8")
        else:
            self._service.receive(self, text)

    def _answer_close(self, frame: WSFrame) -> None:
        if not self.closing:
            self.closing = True
            self._service.forget(self)
            self.write(pack_close(int.from_bytes(frame.get_payload_as_bytes()[:2]) or 1000, ""))
            self._loop.call_later(self._service.limits.farewell, self._tcp.abort)
        self._tcp.close()
