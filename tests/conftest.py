"""What every test may ask for: real engines, started once, and a fresh database and an empty Redis for each test.

An engine that is missing or does not start is a failure, never a skip.
"""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from shared.engines.postgres import PostgresServer
from shared.engines.process import Engine
from shared.engines.redis import RedisServer
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.databases import Databases
    from tests.ledger import Ledger

SEEN = "seen"  # what a proof says of itself, see tests/proofs/conftest.py
_engines: list[Engine] = []  # the session's


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slice", action="store_true", help="run the proofs short, as CI does")
    parser.addoption("--seed", type=int, default=None, help="repeat a run: the seed that it printed")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed once: the workers of pytest-xdist get the options of the run that starts them."""
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(10**6)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (repeat with --seed)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what the proofs saw; a report, also of another process, travels with its properties."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    calls = [report for report in reports if report.when == "call"]
    if seen := [line for report in calls for name, line in report.user_properties if name == SEEN]:
        terminalreporter.section("what the proofs saw")
        for line in seen:
            terminalreporter.write_line(line)


def pytest_runtest_logfinish() -> None:
    """Start again what a test has killed: others share it, in whatever order they come."""
    for engine in _engines:
        if not engine.alive():
            engine.start()


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """A folder that `nobody` can reach when root runs the tests; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="taboor-tests-"))
    folder.chmod(0o755)
    yield folder
    for elsewhere in folder.glob("*/elsewhere"):  # where root keeps PostgreSQL's data if TMPDIR is private
        shutil.rmtree(elsewhere.resolve())
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(engines_folder: Path) -> Iterator[PostgresServer]:
    """The session's PostgreSQL; a test that kills it need not bring it back."""
    with PostgresServer(engines_folder / "postgres", free_port()) as server:
        _engines.append(server)
        yield server
        _engines.remove(server)


@pytest.fixture(scope="session")
def redis(engines_folder: Path) -> Iterator[RedisServer]:
    """The session's Redis; a test that kills it need not bring it back."""
    with RedisServer(engines_folder / "redis", free_port()) as server:
        _engines.append(server)
        yield server
        _engines.remove(server)


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """The server's own database, from which others are made."""
    return postgres.url


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer) -> Iterator["Databases"]:
    from tests.databases import Databases  # noqa: PLC0415 - only tests that want a database need it to import

    with Databases(postgres) as databases:
        yield databases


@pytest.fixture(scope="session")
def template_database(databases: "Databases") -> str:
    """A database with every migration applied, for cloning only."""
    return databases.template()


@pytest.fixture
def database_url(databases: "Databases", template_database: str) -> Iterator[str]:
    """A database of the test's own: migrated, empty, gone afterwards."""
    assert template_database
    url = databases.take()
    yield url
    databases.give_back(url)


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """The session's Redis, emptied."""
    redis.start()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    return redis.url


@pytest.fixture
def environment(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This process lives with the test's database and Redis."""
    from shared.config import settings  # noqa: PLC0415 - only tests that ask for it need it to import
    from shared.db.engine import close_thread_connection  # noqa: PLC0415 - as above

    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    yield monkeypatch
    close_thread_connection()
    settings.cache_clear()


@pytest.fixture
def ledger(environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator["Ledger"]:
    """The job ledger with the jobs of `tests/ledger_jobs.py`; its processes end with the test."""
    from tests.ledger import Ledger  # noqa: PLC0415 - as above

    with Ledger(environment, tmp_path) as ledger:
        yield ledger


@pytest.fixture
def scaled(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Choose a proof's size: `scaled(whole, short)` is the first, or in a `--slice` the second."""
    short_run = bool(request.config.getoption("--slice"))
    return lambda whole, short: short if short_run else whole


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Chance that can be repeated: seeded by `--seed` and the test's name."""
    return random.Random(f"{request.config.option.seed} {request.node.nodeid}")
