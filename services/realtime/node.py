"""One node of the realtime service: everything it is made of, started in order and stopped in order."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiofastnet
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from uvicorn.config import Config

from services.realtime import liveness, stopping
from services.realtime.app import create_app
from services.realtime.bus import Bus
from services.realtime.front import Doors, Front
from services.realtime.hearing import Hearing
from services.realtime.hub import Hub
from services.realtime.limits import Limits
from services.realtime.nodes import Nodes
from services.realtime.occupancy import Occupancy
from services.realtime.online import Online
from services.realtime.positions import Positions
from services.realtime.presence import Presence
from services.realtime.redis_wire import Commands
from services.realtime.service import Means, Service
from services.realtime.sessions import Sessions
from services.realtime.subscribing import Subscribing
from services.realtime.tickets import Desk
from services.realtime.watching import Watching
from services.realtime.webhooks import Webhooks
from shared.config import Settings

log = structlog.get_logger()

FIRST_WORD = 3.0  # seconds that a node waits for Redis before it lets clients in all the same
KEEP_ALIVE = 75  # seconds; an app that publishes every few seconds would find uvicorn's 5 just over
BACKLOG = 4_096  # connections that wait to be accepted: all clients come back at once
REDIS_CONNECTIONS = 50  # what needs more than these waits its turn


class Node:
    """Made within a running loop. `run()` lasts until `stop()`."""

    def __init__(self, settings: Settings, name: str, limits: Limits) -> None:
        self.name, self.limits = name, limits
        self._settings = settings
        self._stop = asyncio.Event()
        url, secret = settings.redis_url, settings.pusher_app_secret.get_secret_value()
        self.redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url, max_connections=REDIS_CONNECTIONS, timeout=5, socket_timeout=5, socket_connect_timeout=2
            )
        )
        self.webhooks = Webhooks(settings.webhook_url, settings.pusher_app_key, secret)
        self.presence = Presence(self.redis, name, self.webhooks)
        self.occupancy = Occupancy(self.redis, name, self.webhooks)
        self.nodes = Nodes(self.redis, name, self.presence, self.occupancy, self.webhooks)
        self.commands = Commands(url)
        self.hub = Hub(self.occupancy.changed)
        self.watching = Watching(self.hub, Online(self.commands, name))
        sessions = Sessions()
        hearing = Hearing(self.hub, name, sessions, self.watching.hint)
        self.bus = Bus(url, hearing.fact, hearing.signal, hearing.wiped)
        self.positions = Positions(self.hub, self.bus)
        self.subscribing = Subscribing(
            self.hub, sessions, self.positions, self.bus, self.commands, self.presence, self.webhooks
        )
        means = Means(
            self.hub,
            sessions,
            self.positions,
            self.commands,
            self.presence,
            self.subscribing,
            self.watching,
            self.webhooks,
        )
        self.service = Service(name, Desk(settings.pusher_app_key, secret, limits), limits, means)

    def settings(self) -> Settings:
        return self._settings

    def health(self) -> dict[str, Any]:
        """Return what /readyz and /metrics tell."""
        ready = self.bus.connected and not self.service.stopping
        status = "ok" if ready else "stopping" if self.service.stopping else "degraded: redis"
        return {
            "status": status,
            "ready": ready,
            "node": self.name,
            "position": self.bus.position,
            "connections": len(self.hub.sockets),
            "subscriptions": self.hub.subscriptions,
            "deliveries": self.hub.deliveries,
            "dropped_slow": self.service.dropped_slow,
            "resumes": self.subscribing.resumes,
            "failed_resumes": self.subscribing.failed_resumes,
            "lost_webhooks": self.webhooks.lost,
        }

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        pings = liveness.watch(self.hub.sockets.values, self.limits)
        works = (
            self.bus.run(),
            self.commands.run(),
            self.watching.run(),
            self.positions.run(self.limits.position_every),
            pings,
        )
        tasks = [asyncio.create_task(work) for work in works]
        await self.nodes.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.bus.known.wait(), FIRST_WORD)
        doors = self._doors()
        server = await self._listen(doors)
        log.info("listening", node=self.name, port=self._settings.realtime_port, redis=self.bus.connected)
        await self._until_stopped(tasks)
        server.close()
        await self._say_goodbye(doors)
        await stopping.cancel(tasks)
        self.commands.close()
        await self.redis.aclose()

    async def _until_stopped(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """A part that ends by itself is a fault of ours: stop then, and be started again, rather than be deaf."""
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in tasks:
            if task.done() and not task.cancelled():
                log.error("a part of the node has failed", alert="realtime_node", exc_info=task.exception())

    def _doors(self) -> Doors:
        settings = self._settings
        api = Config(
            create_app(self),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            forwarded_allow_ips=settings.forwarded_allow_ips,
        )
        return Doors(self.service, self.limits, api, settings.pusher_app_key, settings.realtime_origins)

    async def _listen(self, doors: Doors) -> asyncio.Server:
        return await aiofastnet.create_server(  # its transports write in C: what an event to thousands is made of
            asyncio.get_running_loop(),
            lambda: Front(doors),
            self._settings.bind_host,
            self._settings.realtime_port,
            backlog=BACKLOG,
            reuse_port=True,
        )

    async def _say_goodbye(self, doors: Doors) -> None:
        self.service.stopping = True
        log.info("stopping", node=self.name, connections=len(self.hub.sockets))
        await stopping.send_away(self.hub.sockets.values())
        await stopping.finish_requests(doors.state)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.service.idle(), self.limits.farewell)
        await self.nodes.stop()
