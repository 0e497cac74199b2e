"""What the tests of the realtime service share."""

from collections.abc import Iterator

import pytest

from shared.engines.redis import RedisServer
from tests.realtime_client import Client
from tests.realtime_cluster import Cluster, cluster


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the service does."""
    return "asyncio"


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
