"""Follow the two streams with cursors of this node's own, over losses of Redis; notice when it was wiped."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from services.realtime.redis_wire import Trouble, Wire, connect
from shared.broadcasting import keys

log = structlog.get_logger()

AT_ONCE = 200  # entries of each stream
BLOCK = 1.0  # seconds that one question waits for something new; the life is looked at so often
SILENCE = 4.0  # seconds without an answer: Redis hangs
PAUSE = 0.1  # seconds until the next attempt

Fields = dict[bytes, bytes]
Heard = Callable[[int, Fields], None]


class Bus:
    """`position`: the highest fact heard; what is not above it was heard before, and left out. `signal`: the last."""

    def __init__(self, url: str, fact: Heard, signal: Heard, wiped: Callable[[], None]) -> None:
        self.position = self.signal = 0
        self.connected = False
        self.known = asyncio.Event()  # whether it was connected ever
        self._url, self._hear_fact, self._hear_signal, self._tell_wiped = url, fact, signal, wiped
        self._facts, self._signals = b"0-0", b"0-0"
        self._life: bytes | None = None
        self._looked = 0.0
        self._wiped_at: float | None = None
        self._doubtful = False  # wiped, and nothing new was heard since

    @property
    def reached(self) -> int:
        """How far clients may be told they have heard. After a wipe positions may begin at 1 again: then 0."""
        return 0 if self._doubtful else self.position

    async def run(self) -> None:
        while True:
            try:
                await self._follow(await connect(self._url))
            except Trouble as error:
                if self.connected:
                    log.warning("the streams are lost; the node waits for Redis", error=repr(error))
                self.connected = False
            await asyncio.sleep(PAUSE)

    async def _follow(self, wire: Wire) -> None:
        try:
            async with asyncio.timeout(SILENCE):
                await self._begin(wire)
            self.connected = True
            self.known.set()
            async with asyncio.timeout(SILENCE) as patience:
                while True:
                    await self._hear(wire)
                    if time.monotonic() - self._looked > BLOCK:
                        await self._look_at_life(wire)
                        patience.reschedule(asyncio.get_running_loop().time() + SILENCE)
        finally:
            wire.close()

    async def _begin(self, wire: Wire) -> None:
        """The first time, start at the streams' ends; after a loss, go on from where it was."""
        if self.known.is_set():
            await self._look_at_life(wire)
            return
        self._life = await wire.ask("GET", keys.LIFE)
        self._facts = await last_id(wire, keys.BUS) or b"0-0"
        self._signals = await last_id(wire, keys.SIGNALS) or b"0-0"
        self.position, self.signal = number_of(self._facts), signal_number(self._signals)
        self._looked = time.monotonic()
        self._tell_wiped()  # whoever subscribed before that may have missed something

    async def _hear(self, wire: Wire) -> None:
        streams = (keys.BUS, keys.SIGNALS, self._facts, self._signals)
        heard = await wire.ask("XREAD", "COUNT", AT_ONCE, "BLOCK", int(BLOCK * 1000), "STREAMS", *streams)
        for stream, entries in heard or ():
            if stream == keys.BUS.encode():
                self._hear_facts(entries)
            else:
                self._hear_signals(entries)
        await asyncio.sleep(0)  # what was heard goes out before more is asked for: meanwhile more gathers

    def _hear_facts(self, entries: list[Any]) -> None:
        for entry_id, fields in entries:
            self._facts = entry_id
            position, said = number_of(entry_id), _fields(fields)
            if position <= self.position and not self._is_strangers(said):
                continue
            self.position, self._doubtful = position, False
            _hand_over(self._hear_fact, position, said)

    def _hear_signals(self, entries: list[Any]) -> None:
        for entry_id, fields in entries:
            self._signals = entry_id
            self.signal = signal_number(entry_id)
            _hand_over(self._hear_signal, self.signal, _fields(fields))

    async def _look_at_life(self, wire: Wire) -> None:
        """Has Redis been wiped, or lost its last entries? Then nobody can be sure to have heard everything."""
        life, last = await asyncio.gather(wire.ask("GET", keys.LIFE), last_id(wire, keys.BUS))
        self._looked = time.monotonic()
        changed = life != self._life and self._life is not None
        self._life = life
        if changed or number_of(last or b"0-0") < number_of(self._facts):
            log.warning("Redis was wiped: every subscription is told to refetch", position=self.position)
            self._facts = b"0-0"  # what is written again is heard again, and left out
            self._wiped_at, self._doubtful = time.time(), True
            self._tell_wiped()

    def _is_strangers(self, said: Fields) -> bool:
        """After a wipe the database may be another too: its facts are new, though their positions are low."""
        if self._wiped_at is None:
            return False
        try:
            return datetime.fromisoformat(said[b"occurred_at"].decode()).timestamp() > self._wiped_at
        except (KeyError, ValueError):
            return False


def _hand_over(heard: Heard, number: int, said: Fields) -> None:
    try:
        heard(number, said)
    except Exception:
        log.exception("an entry that cannot be sent on", number=number, alert="realtime_entry")


def _fields(flat: list[bytes]) -> Fields:
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def last_id(wire: Wire, stream: str) -> bytes | None:
    """Return the last id that a stream ever gave; None if there is no stream."""
    if not await wire.ask("EXISTS", stream):
        return None
    about = await wire.ask("XINFO", "STREAM", stream)
    found: bytes = dict(zip(about[::2], about[1::2], strict=True))[b"last-generated-id"]
    return found


def number_of(entry_id: bytes) -> int:
    """Return the position that a fact's entry has."""
    return int(entry_id.partition(b"-")[0])


def signal_number(entry_id: bytes | str) -> int:
    """Return a number that grows as the ids of signals do."""
    first, _, second = (entry_id if isinstance(entry_id, str) else entry_id.decode()).partition("-")
    return (int(first) << 20) + int(second or 0)
