"""What is said on some channels: read from their streams in Redis in the order of positions, each thing once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from shared.broadcasting import keys
from shared.config import settings

CONNECTING = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Said:
    position: int
    event: str
    data: str


@dataclass(frozen=True, slots=True)
class News:
    said: Sequence[Said] = ()
    lost: bool = False  # something may be missing before these
    over: bool = False  # the listener's session has ended; these were said before


@dataclass(frozen=True, slots=True)
class Span:
    """What a stream in Redis holds: the first and the last position, and whether it ever held more."""

    first: int | None
    last: int
    whole: bool


def nothing_missing(after: int, bus: Span | None, life: bytes | None, channels: Sequence[Span | None]) -> bool:
    """Say whether all that was said after a position can still be read.

    While there is a life, a channel without a stream was silent: the bus forgets sooner than a channel does.
    """
    if bus is None or life is None or not (bus.last if bus.first is None else bus.first - 1) <= after <= bus.last:
        return False
    return all(one is None or one.whole or (one.first or 0) <= after for one in channels)


@dataclass
class Follower:
    """Reads on from a position, with a connection of its own. `next` may be asked again after any error of Redis."""

    channels: Sequence[str]
    position: int | None  # how far it has read; None: it starts with what is said from now on
    session: UUID | None = None  # the listener's own: its end is a fact as well, on a channel that nobody can ask for
    _life: bytes | None = None
    _started: bool = False
    _losing: bool = field(default=False)

    def __post_init__(self) -> None:
        self._end = keys.channel(keys.session(self.session)) if self.session else ""
        self._streams = [*(keys.channel(name) for name in self.channels), *([self._end] if self._end else [])]
        self._redis = Redis.from_url(
            settings().redis_url,
            socket_connect_timeout=CONNECTING,
            socket_timeout=settings().sse_heartbeat_seconds + CONNECTING,
            retry=Retry(NoBackoff(), 0),
        )

    async def next(self, seconds: float) -> News:
        """Return what was said since, at the latest after so long."""
        if self.position is None:
            bus, life = await self._look()
            self.position, self._life = bus.last if bus else 0, life
            self._started = True
            return News()
        patience = max(1, int(seconds * 1000)) if self._started else None
        bus, read, spans, life = await self._read(self.position, patience)
        said, over = _in_order(read, self._end.encode())
        lost = self._something_is_lost(nothing_missing(self.position, bus, life, spans), life)
        told_to = bus.last if bus else 0
        reached = told_to if self._losing and bus else max(self.position, told_to)
        self.position = max([reached, *(one.position for one in said)])
        return News(said, lost, over)

    async def close(self) -> None:
        await self._redis.aclose()

    def _from(self, after: int) -> dict[Any, Any]:  # as redis-py types it
        """Return where to read on. A session ends once: that is heard even if it was before this began."""
        return {**dict.fromkeys(self._streams, f"{after}-0"), **({self._end: "0-0"} if self._end else {})}

    def _something_is_lost(self, whole: bool, life: bytes | None) -> bool:
        """Say so once; and again when Redis has been wiped, for what was written between is not ours to know."""
        wiped = self._started and life != self._life
        lost = wiped or not (whole or self._losing)
        self._life, self._started, self._losing = life, True, not whole
        return lost

    async def _look(self) -> tuple[Span | None, bytes | None]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xinfo_stream(keys.BUS)
        pipeline.get(keys.LIFE)
        bus, life = await pipeline.execute(raise_on_error=False)
        return _span(bus), _sound(life)

    async def _read(self, after: int, patience: int | None) -> tuple[Span | None, Any, list[Span | None], bytes | None]:
        """Read in one trip. The bus is looked at first: all that it had by then, the channels have by now."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xinfo_stream(keys.BUS)
        pipeline.xread(self._from(after), block=patience)
        for stream in self._streams:
            pipeline.xinfo_stream(stream)
        pipeline.get(keys.LIFE)
        bus, read, *about, life = await pipeline.execute(raise_on_error=False)
        return _span(bus), _sound(read), [_span(one) for one in about], _sound(life)


def _in_order(read: Any, end: bytes) -> tuple[list[Said], bool]:
    """Merge what channels have; what was said on two of them comes once, what came after the session's end does not.

    end: the stream in which that end stands.
    """
    streams = dict(read or ())
    ended = min((_position(entry_id) for entry_id, _ in streams.pop(end, ())), default=None)
    said = {
        (_position(entry_id), fields[b"event"].decode()): fields[b"data"].decode()
        for entries in streams.values()
        for entry_id, fields in entries
        if ended is None or _position(entry_id) < ended
    }
    return [Said(position, event, data) for (position, event), data in sorted(said.items())], ended is not None


def _span(about: Any) -> Span | None:
    if isinstance(about, ResponseError) and "no such key" in str(about):
        return None
    told = _sound(about)
    first = _position(told["first-entry"][0]) if told["first-entry"] else None
    return Span(first, _position(told["last-generated-id"]), told["entries-added"] == told["length"])


def _sound(answer: Any) -> Any:
    """Raise what a pipeline returned as an answer."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def _position(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
