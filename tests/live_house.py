"""The whole shop with realtime nodes: what `tests/house.py` starts, and live."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from redis import Redis

from shared.config import settings
from shared.db.engine import close_thread_connection
from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from tests.databases import Databases
from tests.house import House
from tests.ports import free_port
from tests.supervised import Supervised, Supervisor
from tests.waiting import wait_until


class LiveHouse(House):
    """`with LiveHouse(environment, folder, postgres, redis, nodes=2) as house:`. Clients are told of the first node.

    pusher_port: where clients are sent instead, such as a line that can be cut.
    """

    def __init__(
        self,
        environment: pytest.MonkeyPatch,
        folder: Path,
        postgres: PostgresServer,
        redis: RedisServer,
        *,
        nodes: int = 1,
        ports: list[int] | None = None,
        **configured: Any,
    ) -> None:
        self.ports = ports or [free_port() for _ in range(nodes)]
        self.nodes: list[Supervised] = []
        configured.setdefault("pusher_port", self.ports[0])
        configured["realtime_public_port"] = configured["pusher_port"]
        super().__init__(environment, folder, postgres, redis, **configured)
        for number, port in enumerate(self.ports, 1):
            own = {**os.environ, "REALTIME_PORT": str(port)}
            name = f"realtime-{number}"
            self.nodes.append(Supervised(name, ["services.realtime"], own, folder / f"{name}.log"))
        self.supervisor = Supervisor(self.processes)

    @property
    def processes(self) -> list[Supervised]:
        return [*super().processes, *self.nodes]

    def __enter__(self) -> Self:
        with Redis.from_url(self.redis.url) as client:
            client.flushall()
        super().__enter__()
        self.wait_for_nodes()
        return self

    def wait_for_nodes(self, timeout: float = 40) -> None:
        """Wait until each node that is wanted takes clients."""
        wait_until(lambda: all(_answers(port) for node, port in self._wanted() if node.wanted), timeout)

    def _wanted(self) -> list[tuple[Supervised, int]]:
        return list(zip(self.nodes, self.ports, strict=True))

    @property
    def pusher(self) -> dict[str, Any]:
        """What a client is told by /config.json."""
        here = settings()
        return {"key": here.pusher_app_key, "host": "127.0.0.1", "port": here.pusher_port, "scheme": "http"}


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=2).is_success
    except httpx.TransportError:
        return False


@contextmanager
def live_house(request: pytest.FixtureRequest, **configured: Any) -> Iterator[LiveHouse]:
    """One house for a module of tests: it has a database of its own, and Redis is emptied first."""
    request.getfixturevalue("template_database")
    databases: Databases = request.getfixturevalue("databases")
    postgres, redis = request.getfixturevalue("postgres"), request.getfixturevalue("redis")
    folder = request.getfixturevalue("tmp_path_factory").mktemp("live")
    url = databases.take()
    redis.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", url)
        environment.setenv("REDIS_URL", redis.url)
        settings.cache_clear()
        with LiveHouse(environment, folder, postgres, redis, **configured) as house:
            house.plenty()
            yield house
        close_thread_connection()
    settings.cache_clear()
    databases.give_back(url)
