"""Do what clients' frames lead to, one connection's in the order of its frames, whatever Redis takes for each."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from time import time
from typing import Any

import structlog

from services.realtime import frames
from services.realtime.connection import Connection
from services.realtime.effects import Say, Shut, SignIn, Subscribe, Unsubscribe, Whisper
from services.realtime.hub import Hub
from services.realtime.limits import Limits
from services.realtime.opening import Refusal, new_socket_id
from services.realtime.positions import Positions
from services.realtime.presence import Presence
from services.realtime.redis_wire import Commands
from services.realtime.sessions import Sessions
from services.realtime.sockets import Socket
from services.realtime.subscribing import Subscribing
from services.realtime.tickets import Desk
from services.realtime.watching import Watching
from services.realtime.webhooks import Webhooks
from services.realtime.wire import pack
from shared.broadcasting import keys
from shared.broadcasting.names import is_presence

log = structlog.get_logger()

Later = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Means:
    """What the effects are done with."""

    hub: Hub
    sessions: Sessions
    positions: Positions
    commands: Commands
    presence: Presence
    subscribing: Subscribing
    watching: Watching
    webhooks: Webhooks


class Service:
    def __init__(self, node: str, desk: Desk, limits: Limits, means: Means) -> None:
        self.limits = limits
        self.stopping = False
        self.dropped_slow = 0
        self._node, self._desk, self._means, self._hub = node, desk, means, means.hub
        self._tasks: set[asyncio.Task[None]] = set()

    def new_socket(self, refusal: Refusal | None) -> Socket:
        return Socket(self, Connection(new_socket_id(), self._desk), refusal)

    def refusal(self) -> Refusal | None:
        """Say why nobody else can connect now."""
        if self.stopping:
            return Refusal(4200, "This server is stopping; reconnect at once")
        if len(self._hub.sockets) >= self.limits.connections:
            return Refusal(4100, "Over capacity: this server has as many connections as it may have")
        return None

    def welcome(self, socket: Socket) -> None:
        self._hub.add(socket)
        socket.say(frames.established(socket.socket_id))

    def receive(self, socket: Socket, message: str) -> None:
        """Do what a message leads to; while the one before waits for Redis, it waits too."""
        if socket.waiting is None:
            if later := self._do(socket, message):
                socket.waiting = deque()
                self._start(self._finish(socket, later))
        elif self._is_too_much(socket.waiting, message):
            socket.shut(4100, "Over capacity: too many messages at once")
        else:
            socket.waiting.append(message)

    def forget(self, socket: Socket) -> None:
        """A connection ends, or is told to. May be called twice."""
        if self._hub.sockets.pop(socket.socket_id, None) is None:
            return
        core = socket.core
        self._hub.remove(socket, core.channels)
        for channel in core.channels:
            if is_presence(channel):
                self._start(self._leave(socket, channel))
        core.channels.clear()
        self._means.sessions.forget(socket)
        self._means.positions.forget(socket)
        if core.user_id is not None:
            self._means.watching.sign_out(socket, core.user_id)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _do(self, socket: Socket, message: str) -> Later | None:
        """Do it, or return what is left of it to wait for."""
        effect = socket.core.receive(message, time())
        match effect:
            case Say(frame):
                socket.say(frame)
            case Shut(code, reason):
                socket.shut(code, reason)
            case Subscribe():
                return self._means.subscribing.subscribe(socket, effect)
            case Unsubscribe(channel):
                return self._unsubscribe(socket, channel)
            case Whisper():
                self._whisper(socket, effect)
            case SignIn() if self._means.sessions.bind(socket, effect.session):
                return self._means.watching.sign_in(socket, effect)
            case SignIn():
                socket.shut(4009, "This session has ended")
        return None

    async def _finish(self, socket: Socket, later: Later) -> None:
        try:
            await later
            while socket.waiting and not socket.closing:
                if following := self._do(socket, socket.waiting.popleft()):
                    await following
        except Exception:
            log.exception("a client's frame could not be dealt with", alert="realtime_frame")
            socket.fail(1011, "internal error")
        socket.waiting = None

    def _is_too_much(self, waiting: deque[str], message: str) -> bool:
        return (
            len(waiting) >= self.limits.waiting_messages or sum(map(len, waiting), len(message)) > self.limits.waiting
        )

    def _unsubscribe(self, socket: Socket, channel: str) -> Later | None:
        del socket.core.channels[channel]
        self._hub.unsubscribe(channel, socket)
        self._means.positions.leave(socket, channel)
        return self._leave(socket, channel) if is_presence(channel) else None

    async def _leave(self, socket: Socket, channel: str) -> None:
        await self._means.presence.leave(channel, socket.socket_id)

    def _whisper(self, socket: Socket, said: Whisper) -> None:
        """Send on here at once; other nodes hear it by the stream."""
        frame = pack(frames.event(said.event, said.channel, said.data, said.user_id))
        self._hub.deliver(said.channel, frame, without=socket.socket_id)
        words = {
            "kind": "event",
            "event": said.event,
            "channels": frames.encode([said.channel]),
            "data": said.data,
            "json": "1",
            "except": socket.socket_id,
            "user_id": said.user_id or "",
            "node": self._node,
        }
        flat = [_utf8(word) for pair in words.items() for word in pair]
        self._means.commands.tell("XADD", keys.SIGNALS, "MAXLEN", "~", keys.SIGNALS_KEPT, "*", *flat)
        self._tell_webhook(socket, said)

    def _tell_webhook(self, socket: Socket, said: Whisper) -> None:
        about = {"channel": said.channel, "event": said.event, "data": said.data, "socket_id": socket.socket_id}
        sender = {} if said.user_id is None else {"user_id": said.user_id}
        self._means.webhooks.tell({"name": "client_event", **about, **sender})

    def _start(self, work: Later) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("what a client left could not be tidied", alert="realtime_tidy", exc_info=error)


def _utf8(word: str) -> bytes:
    return word.encode(errors="backslashreplace")
