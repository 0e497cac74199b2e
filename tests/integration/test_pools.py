"""Whoever asks after PostgreSQL has died and come back is answered: no dead connection is lent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from services.api.database import Database
from shared.config import settings
from shared.engines.postgres import PostgresServer
from tests.ports import free_port

AT_ONCE = 6


@pytest.fixture
def mortal(engines_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A server of this test's own, which the settings name."""
    with PostgresServer(engines_folder / "postgres-of-pools", free_port()) as server:
        monkeypatch.setenv("DATABASE_URL", server.url)
        settings.cache_clear()
        yield server
    settings.cache_clear()


@pytest.fixture
def database(mortal: PostgresServer) -> Iterator[Database]:
    """The API's connections, of which several are open to write and several to read."""
    assert mortal
    database = Database()
    database.open()
    with ExitStack() as used:
        for _ in range(AT_ONCE):
            used.enter_context(database.transaction()).one("select 1 as it")
            used.enter_context(database.reading()).execute(text("select 1"))
    yield database
    database.close()


def test_nobody_meets_a_dead_connection_after_postgres_was_killed(mortal: PostgresServer, database: Database) -> None:
    # Given PostgreSQL died and came back while nobody asked
    mortal.kill()
    mortal.start()
    # When many ask, alone and together
    together = Barrier(AT_ONCE)

    def ask(number: int) -> tuple[int, int | None]:
        together.wait(10)
        with database.transaction() as tx:
            written = tx.one("select %s::int as it", (number,)).it
        with database.reading() as session:
            return written, session.execute(text("select 1")).scalar()

    for _ in range(2):
        with ThreadPoolExecutor(AT_ONCE) as callers:
            answers = list(callers.map(ask, range(AT_ONCE)))
        # Then all are answered
        assert answers == [(number, 1) for number in range(AT_ONCE)]
