"""What the tests of the realtime service share."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from shared.engines.redis import RedisServer
from tests.ports import free_port
from tests.realtime_client import Client
from tests.realtime_cluster import Cluster, Node, cluster
from tests.waiting import wait_until


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(scope="session")
def redis(engines_folder: Path) -> Iterator[RedisServer]:
    """A Redis for this folder: what the nodes hear must not depend on which other tests wipe theirs in between."""
    with RedisServer(engines_folder / "redis-of-realtime", free_port()) as server:
        yield server


def _all_ready(nodes: list[Node]) -> bool:
    return all(node.figure("ready") for node in nodes)


@pytest.fixture(autouse=True)
def _the_nodes_have_their_redis(request: pytest.FixtureRequest) -> None:
    """Wait for the nodes that are shared, after a test that took Redis away from them."""
    for name in {"realtime", "two"}.intersection(request.fixturenames):
        together: Cluster = request.getfixturevalue(name)
        together.redis.start()
        wait_until(partial(_all_ready, together.nodes))


@pytest.fixture(scope="session")
def realtime(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One node for all that only speak with it. Pages of two origins may connect."""
    origins = "https://shop.example, https://nour.example"
    with cluster(redis, tmp_path_factory.mktemp("realtime"), realtime_origins=origins) as together:
        yield together
        assert not together.nodes[0].errors()


@pytest.fixture(scope="session")
def two(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes that are one service."""
    with cluster(redis, tmp_path_factory.mktemp("realtime"), ["cairo-1", "cairo-2"]) as together:
        yield together
        assert not [error for node in together.nodes for error in node.errors()]


@pytest.fixture
def layla(realtime: Cluster) -> Iterator[Client]:
    with realtime.client() as client:
        yield client


@pytest.fixture
def omar(realtime: Cluster) -> Iterator[Client]:
    with realtime.client() as client:
        yield client
