"""One node among others: its lease, its coming back after a wipe or a freeze, and the clearing away of dead nodes.

nodes = Nodes(redis, "realtime-1:4711", presence, occupancy, webhooks)
await nodes.start()   # counts of channels, members and webhooks are looked after from here on
…
await nodes.stop()    # when the sockets are closed; what is left of this node is cleared away at once
"""

import asyncio
from typing import Any

import structlog
from redis import RedisError
from redis.asyncio import Redis

from services.realtime import cluster_keys, scripts
from services.realtime.occupancy import Occupancy, stopped
from services.realtime.presence import Presence, text
from services.realtime.webhooks import Webhooks
from shared.broadcasting import keys

log = structlog.get_logger()

EVERY = 1.0  # seconds
LAST_WORDS = 2.0  # seconds for webhooks that wait when the node stops


class Nodes:
    """This node's place among all. A name is one living process's; what a dead one of that name left is cleared."""

    def __init__(self, redis: Redis, name: str, presence: Presence, occupancy: Occupancy, webhooks: Webhooks) -> None:
        self._redis, self._name = redis, name
        self._presence, self._occupancy, self._webhooks = presence, occupancy, webhooks
        self._renew, self._condemn = redis.register_script(scripts.RENEW), redis.register_script(scripts.CONDEMN)
        self._forget, self._settle = redis.register_script(scripts.FORGET), redis.register_script(scripts.SETTLE)
        self._to_restore: bool | None = None  # None: nothing; else whether aloud
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Register. While Redis is away the node starts nevertheless, and registers later."""
        try:
            await self._redis.delete(keys.node(self._name))
            await self._clear(self._name)
            await self._renew_lease()
            self._to_restore = None
        except RedisError as error:
            log.warning("this node registers when Redis is back", node=self._name, error=repr(error))
        runs = (self._run(), self._occupancy.run(), self._webhooks.run())
        self._tasks = [asyncio.create_task(run) for run in runs]
        for task in self._tasks:
            task.add_done_callback(_say)

    async def stop(self) -> None:
        """End the tasks and clear this node away, so that nobody waits for its lease to run out."""
        await self._webhooks.finish(LAST_WORDS)
        for task in self._tasks:
            await stopped(task)
        try:
            await self._presence.catch_up()
            await self._redis.delete(keys.node(self._name))
            await self._clear(self._name)
        except RedisError as error:
            log.warning("this node leaves its clearing to the others", node=self._name, error=repr(error))

    async def live(self) -> list[str]:
        """Return the names of the nodes that live."""
        return [name for name, lives in (await self._known()).items() if lives]

    async def turn(self) -> None:
        """Renew the lease, come back if it was lost, tell what is due, and clear dead nodes away."""
        async with self._turn:
            await self._renew_lease()
            await self._restore()
            await self._presence.catch_up()
            await self._tell_what_is_due()
            for name in [name for name, lives in (await self._known()).items() if not lives]:
                if await self._condemn([keys.node(name), cluster_keys.NODES, cluster_keys.reaped(name)], [name]):
                    await self._clear(name)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.turn()
            except RedisError as error:
                log.warning("this node waits for Redis", node=self._name, error=repr(error))

    async def _renew_lease(self) -> None:
        where = [keys.node(self._name), cluster_keys.NODES, cluster_keys.reaped(self._name)]
        had, was_reaped = await self._renew(where, [self._name, keys.NODE_SECONDS])
        if was_reaped or not had:
            self._to_restore = bool(was_reaped) or bool(self._to_restore)

    async def _restore(self) -> None:
        """Say again what this node has, after a wipe in silence: whoever listens knows it still."""
        if self._to_restore is None:
            return
        aloud = self._to_restore
        await self._presence.restore(aloud=aloud)
        await self._occupancy.restore(aloud=aloud)
        self._to_restore = None
        log.info("this node registered again", node=self._name, taken_for_dead=aloud)

    async def _tell_what_is_due(self) -> None:
        for due in await self._settle([cluster_keys.HELD]):
            what, channel, *user = text(due).split(" ", 2)
            name = {"removed": "member_removed", "vacated": "channel_vacated"}[what]
            self._webhooks.tell({"name": name, "channel": channel} | ({"user_id": user[0]} if user else {}))

    async def _clear(self, name: str) -> None:
        gone = await self._presence.reap(name)
        await self._occupancy.reap(name)
        where = [keys.node(name), cluster_keys.NODES, cluster_keys.presence_of(name), keys.occupied(name)]
        await self._forget(where, [name])
        if name != self._name:
            log.warning("a dead node was cleared away", node=name, members=len(gone))

    async def _known(self) -> dict[str, bool]:
        members: Any = await self._redis.smembers(cluster_keys.NODES)
        names = sorted(text(name) for name in members)
        if not names:
            return {}
        leases = await self._redis.mget([keys.node(name) for name in names])
        return dict(zip(names, (lease is not None for lease in leases), strict=True))


def _say(task: asyncio.Task[None]) -> None:
    """Tell of a task that ended by itself: none should."""
    if not task.cancelled() and (error := task.exception()):
        log.error("a node's task has failed", alert="realtime_task", exc_info=error)
