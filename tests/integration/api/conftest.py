"""One API process for the tests of this folder, on the demo's shop; each test brings its own customers."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from shared.db.seed import seed
from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from tests.api import ApiProcess, Customer


@pytest.fixture(scope="session")
def shop_url(postgres: PostgresServer, template_database: str) -> Iterator[str]:
    """The demo's shop, in a database for the whole folder."""
    name, template = sql.Identifier("taboor_api"), sql.Identifier(template_database)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template {}").format(name, template))
    seed(postgres.url_of("taboor_api"))
    yield postgres.url_of("taboor_api")
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


#: Uploads are small here, so that a small disk is never full: neither of what comes, nor of what is announced.
SMALL = {"UPLOAD_BYTES": str(2**26), "DISK_RESERVE_BYTES": "0"}


@pytest.fixture(scope="session")
def _api(shop_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with ApiProcess(tmp_path_factory.mktemp("api"), shop_url, redis.url, SMALL) as process:
        yield process


@pytest.fixture
def api(_api: ApiProcess, redis: RedisServer, postgres: PostgresServer, _engines: list[int]) -> ApiProcess:
    """The API, its engines running. What it kept open to one that another folder's test has killed is gone."""
    postgres.start()
    redis.start()
    if (running := [postgres.pid, redis.pid]) != _engines:
        if _engines:
            _api.restart()
        _engines[:] = running
    return _api


@pytest.fixture(scope="session")
def _engines() -> list[int]:
    """The processes that the API knows."""
    return []


@pytest.fixture
def layla(api: ApiProcess) -> Customer:
    return api.customer("ليلى")


@pytest.fixture
def nour(api: ApiProcess) -> Customer:
    """The operator."""
    return api.customer("Nour", role="operator")


@pytest.fixture
def products(api: ApiProcess) -> dict[str, str]:
    """The products' ids by slug."""
    return {product["slug"]: product["id"] for product in api.http.get("/products").json()["items"]}
