"""How a node stops: its clients are sent to the next one a few at a time, and its last requests are answered."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any

from uvicorn.server import ServerState

from services.realtime.hub import Member

STEPS, STEP = 25, 0.1  # a 25th of the clients each 100 ms: not all come back in the same moment
LAST_REQUESTS = 2.0  # seconds


async def send_away(sockets: Iterable[Member]) -> None:
    """Close them with the code that makes clients reconnect at once."""
    shuffled = random.sample(some := list(sockets), len(some))
    for part in _parts(shuffled):
        for socket in part:
            socket.shut(4200, "This server is stopping; reconnect at once")
        await asyncio.sleep(STEP)


async def finish_requests(state: ServerState) -> None:
    """Close the idle connections of the HTTP API, and let the others end."""
    for connection in tuple(state.connections):
        connection.shutdown()
    deadline = asyncio.get_running_loop().time() + LAST_REQUESTS
    while state.tasks and asyncio.get_running_loop().time() < deadline:
        await asyncio.wait(state.tasks, timeout=STEP)


async def cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _parts(some: Sequence[Any]) -> list[Sequence[Any]]:
    size = max(1, -(-len(some) // STEPS))
    return [some[start : start + size] for start in range(0, len(some), size)]
