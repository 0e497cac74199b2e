"""One transaction as the code that writes sees it: named SQL in, rows out, and what caused it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.db.engine import Connection

Parameters = dict[str, Any] | Sequence[Any]

#: PostgreSQL asks for these to be tried again: they say nothing about the work itself.
TRY_AGAIN = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is written: the job that writes it and the fact that job followed from."""

    job_id: UUID | None = None
    event_id: UUID | None = None
    aggregate_id: UUID | None = None
    traceparent: str | None = None


class Transaction:
    """An open transaction. `execute` only sends; `one` and `all` wait for the answer."""

    __slots__ = ("cause", "connection", "wakes")

    def __init__(self, connection: Connection, cause: Cause | None = None) -> None:
        self.connection = connection
        self.cause = cause or Cause()
        self.wakes = False  # whether the relay has something to do when this commits

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Send a statement; an error it causes is raised by the next answer or by the commit."""
        self.connection.execute(sql, parameters)

    def one(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first row, or None."""
        return self.connection.execute(sql, parameters).fetchone()

    def all(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        return self.connection.execute(sql, parameters).fetchall()


@contextmanager
def transaction(
    connection: Connection, cause: Cause | None = None, *, durable: bool | None = None
) -> Iterator[Transaction]:
    """Run the block in one transaction, its statements in one pipeline: commit at the end, roll back on any error.

    durable: overrides the connection's `synchronous_commit` for this transaction.
    """
    try:
        with connection.pipeline():
            connection.execute("begin")
            if durable is not None:
                connection.execute(f"set local synchronous_commit = {'on' if durable else 'off'}")
            yield Transaction(connection, cause)
            connection.execute("commit")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: Connection) -> None:
    """Leave the connection usable, or closed: an interrupt may have come in the middle of an answer."""
    try:
        if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.execute("rollback")
    except psycopg.Error:
        connection.close()
