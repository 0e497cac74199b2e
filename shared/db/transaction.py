"""One transaction as the code that writes sees it: named SQL in, rows out, and what caused it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.db.engine import Connection
from shared.db.pipeline import gathering

DURABLE, NOT_DURABLE = b"set local synchronous_commit = on", b"set local synchronous_commit = off"

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
    """An open transaction. `execute` waits for nothing; `one` and `all` send all there is and wait for their answer."""

    __slots__ = ("_afterwards", "cause", "connection", "pipeline", "wakes")

    def __init__(self, connection: Connection, pipeline: psycopg.Pipeline, cause: Cause | None = None) -> None:
        self.connection = connection
        self.pipeline = pipeline
        self.cause = cause or Cause()
        self.wakes = False  # whether the relay has something to do when this commits
        self._afterwards: list[Callable[[], None]] = []

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Send a statement with the next answer or the commit, which also raises its errors."""
        self.connection.execute(sql, parameters)

    def one(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first row, or None."""
        return self._answer(sql, parameters).fetchone()

    def all(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        return self._answer(sql, parameters).fetchall()

    def afterwards(self, do: Callable[[], None]) -> None:
        """Have it done when this has committed. Only for what may get lost and never fails: a signal."""
        self._afterwards.append(do)

    def committed(self) -> None:
        for do in self._afterwards:
            do()

    def attempt(
        self, write: Callable[[], None], *, its_own: tuple[type[psycopg.OperationalError], ...] = ()
    ) -> Exception | None:
        """Do a part of the work; if it fails, undo that part alone and return why.

        Raised is what concerns more than the part: an error of what was sent before, and trouble of the database.
        its_own: such trouble that concerns the part alone.
        """
        self._unprepared("savepoint part")
        self.pipeline.sync()
        try:
            write()
            self._unprepared("release savepoint part")
            self.pipeline.sync()
        except Exception as error:
            if isinstance(error, psycopg.OperationalError) and not isinstance(error, its_own):
                raise
            self._drain()
            self._unprepared("rollback to savepoint part")
            self.pipeline.sync()
            self._unprepared("release savepoint part")
            return error
        return None

    def _unprepared(self, sql: str) -> None:
        """Send without preparing: after a rollback psycopg forgets all that is prepared, with what follows it too."""
        self.connection.execute(sql, prepare=False)

    def _answer(self, sql: str, parameters: Parameters) -> psycopg.Cursor[Any]:
        """Send with a sync, not only a flush: between syncs PostgreSQL's limit for idle transactions does not run."""
        cursor = self.connection.execute(sql, parameters)
        self.pipeline.sync()
        return cursor

    def _drain(self) -> None:
        """Take the errors of what was sent after the one that is being handled."""
        while True:
            with suppress(psycopg.errors.PipelineAborted, psycopg.errors.InFailedSqlTransaction):
                self.pipeline.sync()
                return


@contextmanager
def transaction(
    connection: Connection, cause: Cause | None = None, *, durable: bool | None = None
) -> Iterator[Transaction]:
    """Run the block in one transaction, its statements in one pipeline: commit at the end, roll back on any error.

    durable: overrides the connection's `synchronous_commit` for this transaction.
    """
    try:
        with gathering(connection) as pipeline:
            pipeline.command(b"begin")
            if durable is not None:
                pipeline.command(DURABLE if durable else NOT_DURABLE)
            tx = Transaction(connection, pipeline, cause)
            yield tx
            ending = connection.execute("commit")
        _expect_commit(ending)
    except BaseException:
        _roll_back(connection)
        raise
    tx.committed()


def _expect_commit(ending: psycopg.Cursor[Any]) -> None:
    """PostgreSQL answers the commit of a failed transaction with a rollback, and calls it no error."""
    if ending.statusmessage != "COMMIT":
        raise psycopg.errors.InFailedSqlTransaction("an error inside was not raised: all was rolled back")


def _roll_back(connection: Connection) -> None:
    """Leave the connection usable, or closed: an interrupt may have come in the middle of an answer."""
    try:
        if not connection.closed:
            connection.execute("rollback")  # always: only so does psycopg forget in time what was prepared
    except psycopg.Error:
        connection.close()
