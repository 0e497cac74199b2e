"""How many subscriptions each channel has on all nodes together, told to Redis in batches."""

import asyncio
from typing import Any

import structlog
from redis import RedisError
from redis.asyncio import Redis

from services.realtime import cluster_keys, scripts
from services.realtime.presence import HELD_MS, text
from services.realtime.webhooks import Webhooks
from shared.broadcasting import keys
from shared.broadcasting.names import is_presence

log = structlog.get_logger()

AT_ONCE = 500  # channels in one script: Redis does nothing else meanwhile
REST = 0.005  # seconds between two batches: what changes meanwhile goes together
AFTER_FAILURE = 0.5


class Occupancy:
    """`changed()` remembers; `run()` tells. A channel that changed twice in between is told once."""

    def __init__(self, redis: Redis, node: str, webhooks: Webhooks) -> None:
        self._node, self._webhooks = node, webhooks
        self._count, self._reap = redis.register_script(scripts.COUNT), redis.register_script(scripts.REAP_COUNTS)
        self._here: dict[str, int] = {}
        self._changed: dict[str, None] = {}  # in order
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()

    def changed(self, channel: str, count: int) -> None:
        """Remember how many subscriptions this node has of a channel now."""
        if count:
            self._here[channel] = count
        else:
            self._here.pop(channel, None)
        self._changed[channel] = None
        self._wake.set()

    async def run(self) -> None:
        """Tell Redis for as long as the node lives: at once what comes alone, together what comes in bursts."""
        while True:
            await self._wake.wait()
            try:
                await self.flush()
            except RedisError as error:
                log.warning("the counts of channels have to wait for Redis", error=repr(error))
                await asyncio.sleep(AFTER_FAILURE)
            else:
                await asyncio.sleep(REST)

    async def flush(self) -> None:
        """Tell all that is remembered. What cannot be told stays remembered."""
        async with self._flushing:
            await self._tell(silent=False)

    async def restore(self, *, aloud: bool) -> None:
        """Tell all channels again. aloud: this node was taken for dead, and its channels were told to be vacated."""
        async with self._flushing:
            self._changed |= dict.fromkeys(self._here)
            await self._tell(silent=not aloud)

    async def reap(self, dead: str) -> None:
        """Count what a dead node had no more."""
        where = [keys.node(dead), keys.occupied(dead), cluster_keys.OCCUPIED, cluster_keys.HELD]
        while await self._reap(where, [HELD_MS]):
            pass

    async def _tell(self, *, silent: bool) -> None:
        self._wake.clear()
        while self._changed:
            some = list(self._changed)[:AT_ONCE]
            for channel in some:
                del self._changed[channel]
            try:
                await self._send(some, silent=silent)
            except BaseException:
                self._changed |= dict.fromkeys(some)
                self._wake.set()
                raise

    async def _send(self, channels: list[str], *, silent: bool) -> None:
        counts = [word for channel in channels for word in (channel, self._here.get(channel, 0))]
        answer: Any = await self._count(
            [keys.occupied(self._node), cluster_keys.OCCUPIED, cluster_keys.HELD], [HELD_MS, int(silent), *counts]
        )
        for name, all_nodes, occupied in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            self._tell_webhooks(text(name), max(0, int(all_nodes)), bool(occupied))

    def _tell_webhooks(self, channel: str, count: int, occupied: bool) -> None:
        if occupied:
            self._webhooks.tell({"name": "channel_occupied", "channel": channel})
        if not is_presence(channel):
            self._webhooks.tell({"name": "subscription_count", "channel": channel, "subscription_count": count})


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: a library on its way may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)
