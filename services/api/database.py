"""The API's connections: one transaction for a request, to write or to read; a nudge to the relay after a new fact."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from sqlmodel import Session

from shared.db.engine import Connection, pool
from shared.db.reading import reading, reading_engine
from shared.db.transaction import TRY_AGAIN, Cause, Transaction, transaction
from shared.nudge import nudge

#: As many threads answer requests, so that none waits for a connection.
CONNECTIONS = 16
TRIES = 3

P = ParamSpec("P")
R = TypeVar("R")


class Database:
    def __init__(self) -> None:
        self._pool = pool(CONNECTIONS)
        self._reads = reading_engine(CONNECTIONS)

    def open(self) -> None:
        """Start connecting; a database that is not there yet is a 503 for now, not a reason to die."""
        self._pool.open(wait=False)

    def close(self) -> None:
        self._pool.close()
        self._reads.dispose()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection to what opens its own transaction."""
        with self._pool.connection() as connection:
            yield connection

    @contextmanager
    def transaction(self, cause: Cause | None = None, *, patience: float | None = None) -> Iterator[Transaction]:
        """Run the block in a durable transaction. patience: seconds to wait for a connection."""
        with self._pool.connection(patience) as connection, transaction(connection, cause) as tx:
            yield tx
        if tx.wakes:
            nudge()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Run the block on one moment of the database, which it cannot change."""
        with reading(self._reads) as session:
            yield session


def again(endpoint: Callable[P, R]) -> Callable[P, R]:
    """Run an endpoint again when PostgreSQL asks for it (a deadlock, a failed serialization); three times at most."""

    @functools.wraps(endpoint)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(TRIES - 1):
            try:
                return endpoint(*args, **kwargs)
            except TRY_AGAIN:
                continue
        return endpoint(*args, **kwargs)

    return tried
