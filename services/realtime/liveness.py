"""Find clients that are gone without a word: ask who was silent for long, and close who does not answer."""

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Protocol

from services.realtime.limits import Limits


class Pinged(Protocol):
    heard: float
    pinged: int

    def ping(self) -> None: ...
    def shut(self, code: int, reason: str) -> None: ...


def look(sockets: Iterable[Pinged], limits: Limits, now: float) -> None:
    """Ping whoever said nothing for a minute, by a frame that browsers answer; then by one that pages answer."""
    for socket in sockets:
        silent = now - socket.heard - limits.ping_after
        if silent < 0:
            continue
        if silent >= limits.pong_wait:
            socket.shut(4201, "Pong reply not received in time")
        elif socket.pinged < (1 if silent < limits.pong_wait / 2 else 2):
            socket.ping()


async def watch(sockets: Callable[[], Iterable[Pinged]], limits: Limits) -> None:
    """Look at all of them, several times within the shortest time that matters."""
    every = min(limits.ping_after, limits.pong_wait) / 6
    while True:
        await asyncio.sleep(every)
        look(list(sockets()), limits, monotonic())
