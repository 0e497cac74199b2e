"""Subscribe a connection: what it missed, what a cache keeps and who is there come first; then what is new."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from redis import RedisError

from services.realtime import frames
from services.realtime.bus import Bus, signal_number
from services.realtime.connection import member_of
from services.realtime.effects import Subscribe
from services.realtime.hub import Hub
from services.realtime.positions import Positions
from services.realtime.presence import Joined, Presence, TooMany
from services.realtime.publisher import is_cached
from services.realtime.redis_wire import Commands, Trouble
from services.realtime.resume import NOT_WHOLE, Missed, missed
from services.realtime.sessions import Sessions
from services.realtime.sockets import Socket
from services.realtime.webhooks import Webhooks
from services.realtime.wire import pack
from shared.broadcasting import keys

log = structlog.get_logger()

PATIENCE = 5.0  # seconds that a subscription waits for Redis to come back
PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Past:
    """What a subscription is told before what is new."""

    joined: Joined | None
    missed: Missed | None
    cached: bytes | None


class Subscribing:
    def __init__(  # noqa: PLR0913, PLR0917 - where the past is
        self,
        hub: Hub,
        sessions: Sessions,
        positions: Positions,
        bus: Bus,
        commands: Commands,
        presence: Presence,
        webhooks: Webhooks,
    ) -> None:
        self.resumes = self.failed_resumes = 0
        self._hub, self._sessions, self._positions, self._bus = hub, sessions, positions, bus
        self._commands, self._presence, self._webhooks = commands, presence, webhooks

    def subscribe(self, socket: Socket, wish: Subscribe) -> Coroutine[Any, Any, None] | None:
        """Subscribe, or return what is to be waited for."""
        if not self._sessions.bind(socket, wish.session):
            socket.say(frames.refused(wish.channel, "AuthError", "This session has ended.", 401))
            return None
        asks = wish.member or (wish.cursor and wish.cursor.after is not None) or is_cached(wish.channel)
        if asks:
            return self._subscribe_with_past(socket, wish)
        socket.core.channels[wish.channel] = None
        self._hub.subscribe(wish.channel, socket)
        told = [frames.succeeded(wish.channel)]
        if wish.cursor:
            told.append(self._followed(socket, wish.channel, self._bus.reached))
        socket.push(b"".join(map(pack, told)))
        return None

    async def _subscribe_with_past(self, socket: Socket, wish: Subscribe) -> None:
        """Listen first, ask then, and tell in the order in which it happened."""
        channel = wish.channel
        self._hub.subscribe(channel, socket, hold=True)
        try:
            async with asyncio.timeout(PATIENCE):
                past = await self._past(socket, wish)
        except (TooMany, RedisError, *Trouble) as error:
            await self._undo(socket, wish)
            socket.say(_why_not(channel, error))
            return
        except BaseException:
            await self._undo(socket, wish)
            raise
        if socket.closing:
            await self._undo(socket, wish)
            return
        socket.core.channels[channel] = member_of(wish)
        self._tell(socket, wish, past)

    async def _past(self, socket: Socket, wish: Subscribe) -> Past:
        joined = await self._join(socket, wish) if wish.member else None
        after = wish.cursor.after if wish.cursor else None
        replay = await self._missed(wish.channel, after) if after is not None else None
        cached = await _patiently(self._commands, "GET", keys.cache(wish.channel)) if is_cached(wish.channel) else None
        return Past(joined, replay, cached)

    async def _join(self, socket: Socket, wish: Subscribe) -> Joined:
        assert wish.member
        while True:
            try:
                return await self._presence.join(
                    wish.channel, socket.socket_id, wish.member.user_id, wish.member.channel_data
                )
            except RedisError as error:
                log.debug("joining waits for Redis", error=repr(error))
            await asyncio.sleep(PAUSE)

    async def _missed(self, channel: str, after: int) -> Missed:
        """Redis away is no reason to know nothing: the client refetches, and hears what is new.

        A bus behind what this node has heard is one that is written again after a wipe: what is not there yet would
        be left out when it comes.
        """
        heard = self._bus.position
        try:
            async with asyncio.timeout(PATIENCE * 0.8):
                while True:
                    try:
                        found = await missed(self._commands, channel, after)
                    except ConnectionError:
                        await asyncio.sleep(PAUSE)
                    else:
                        return found if found.position >= heard else NOT_WHOLE
        except Trouble as error:
            log.warning("a resume that Redis did not answer", channel=channel, error=repr(error))
            return NOT_WHOLE

    def _tell(self, socket: Socket, wish: Subscribe, past: Past) -> None:
        channel, fact = wish.channel, past.missed.position if past.missed else 0
        signal = signal_number(past.joined.heard) if past.joined else 0
        held = self._hub.release(channel, socket, fact=fact, signal=signal)
        ahead = (fact if fact > self._bus.position else 0, signal if signal > self._bus.signal else 0)
        self._hub.channels[channel].note_ahead(socket, *ahead)
        told = [pack(frames.succeeded(channel, frames.members(past.joined.members) if past.joined else "{}"))]
        if is_cached(channel):
            told.append(pack(self._cached(channel, past.cached)))
        if past.missed:
            told += self._replay(channel, past.missed)
        told += held
        if wish.cursor:
            told.append(pack(self._followed(socket, channel, max(fact, self._bus.reached))))
        socket.push(b"".join(told))

    def _followed(self, socket: Socket, channel: str, position: int) -> str:
        self._positions.follow(socket, channel)
        return frames.position(channel, position)

    def _replay(self, channel: str, past: Missed) -> tuple[bytes, ...]:
        if past.complete:
            self.resumes += 1
            return past.frames
        self.failed_resumes += 1
        return (pack(frames.resume_failed(channel)),)

    def _cached(self, channel: str, kept: bytes | None) -> str:
        if kept is None:
            self._webhooks.tell({"name": "cache_miss", "channel": channel})
            return frames.cache_miss(channel)
        said = json.loads(kept)
        return frames.event(said["event"], channel, frames.encode(said["data"]))

    async def _undo(self, socket: Socket, wish: Subscribe) -> None:
        """Have nothing left of it, whatever of it was done: who joined and was refused then would be there for ever."""
        self._hub.unsubscribe(wish.channel, socket)
        socket.core.channels.pop(wish.channel, None)
        self._positions.leave(socket, wish.channel)
        if wish.member:
            await self._presence.leave(wish.channel, socket.socket_id)


async def _patiently(commands: Commands, *words: str) -> Any:
    while True:
        try:
            return await commands.ask(*words)
        except ConnectionError:
            await asyncio.sleep(PAUSE)


def _why_not(channel: str, error: Exception) -> str:
    if isinstance(error, TooMany):
        return frames.refused(channel, "LimitReached", str(error), 4100)
    log.warning("a subscription that Redis did not answer", channel=channel, error=repr(error))
    return frames.refused(channel, "ServiceUnavailable", "Try again in a moment.", 503)
