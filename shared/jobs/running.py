"""What a job's function holds while it runs: its way to the database, and the words by which it ends early."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from shared.config import settings
from shared.db.engine import Connection, connect
from shared.db.transaction import Cause, Transaction, transaction
from shared.jobs import sql
from shared.jobs.collaborators import collaborator
from shared.jobs.ending import succeed
from shared.jobs.job import JobType
from shared.jobs.outcomes import Fail, Fenced, Release
from shared.nudge import nudge

FENCED = "TB001"  # what the database's `fenced()` raises


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this worker may make, as the claim returned it."""

    id: UUID
    name: str
    args: Sequence[Any]
    queue: str
    attempt: int
    failures: int
    lost: int
    tries: int | None
    retry_until: Any
    chain_id: UUID | None
    event_id: UUID | None
    aggregate_id: UUID | None
    traceparent: str | None
    next_id: UUID | None
    batch_id: UUID | None
    serial_key: str | None
    due_at: Any

    @property
    def cause(self) -> Cause:
        return Cause(self.id, self.event_id, self.aggregate_id, self.traceparent)


class Running:
    """One attempt of a job. Both its transactions end with the fence: no lease, no write."""

    def __init__(self, claimed: Claimed, connection: Connection, *, durable: bool = False) -> None:
        self.claimed = claimed
        self.finished = False
        self.connection = connection
        self._durable = durable
        self.ended: str | None = None  # why the rest of its chain is not wanted
        self.arguments: Sequence[Any] = ()  # what it was dispatched with
        self._told = -1

    @property
    def id(self) -> UUID:
        return self.claimed.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1; crashes, releases and retries all count."""
        return self.claimed.attempt

    @property
    def name(self) -> str:
        return self.claimed.name

    @property
    def batch_id(self) -> UUID | None:
        """The batch this job is a member of, if any."""
        return self.claimed.batch_id

    @property
    def event_id(self) -> UUID | None:
        """The fact this job follows from, if any."""
        return self.claimed.event_id

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Write something before an outside call; on disk when the block ends, and the lease is fresh then."""
        with fenced(self.connection, self.claimed, durable=True) as tx:
            yield tx
            fence = {"id": self.id, "attempt": self.attempt, "lease": settings().lease_seconds}
            tx.execute(sql.FENCE, fence)

    @contextmanager
    def finishing(self) -> Iterator[Transaction]:
        """Commit the effects and the job's success together; the last thing a job does."""
        # The connection's own commits do not wait for the disk: say so only where they must.
        with fenced(self.connection, self.claimed, durable=self._durable or None) as tx:
            yield tx
            self._finish(tx)
        self.finished = True
        if tx.wakes or self.claimed.next_id:
            nudge()

    def finish(self) -> None:
        """Record the success of a job that wrote nothing: one statement is a transaction of its own."""
        if self.ended is not None or self._durable or self.claimed.batch_id or self.claimed.serial_key:
            with self.finishing():
                return
        with naming_the_fence(self.claimed):
            self.connection.execute(sql.FINISH, {"id": self.id, "attempt": self.attempt, "reason": None})
        self.finished = True
        if self.claimed.next_id:
            nudge()

    def progress(self, percent: int) -> None:
        """Say how far it is, outside of its transactions; told only when it changed."""
        if percent != self._told:
            self._told = percent
            fence = {"id": self.id, "attempt": self.attempt, "percent": percent}
            self.connection.execute(sql.PROGRESS, fence)

    def end_chain(self, reason: str) -> None:
        """Say a business "no" inside `finishing()`: the effects stay, the rest of the chain is cancelled."""
        self.ended = reason

    def release(self, seconds: float, reason: str) -> None:
        """Stop here and try again later; burns no try."""
        raise Release(seconds, reason)

    def fail(self, reason: str) -> None:
        """Stop here for good."""
        raise Fail(reason)

    def _finish(self, tx: Transaction) -> None:
        succeed(tx, self.claimed, self.ended, ends_chain=self.ended is not None)


@contextmanager
def fenced(connection: Connection, claimed: Claimed, *, durable: bool | None = None) -> Iterator[Transaction]:
    """Open a transaction in this attempt's name; raise Fenced if its fence found that another holds the job."""
    with naming_the_fence(claimed), transaction(connection, claimed.cause, durable=durable) as tx:
        yield tx


@contextmanager
def naming_the_fence(claimed: Claimed) -> Iterator[None]:
    try:
        yield
    except psycopg.DatabaseError as error:
        if error.sqlstate == FENCED:
            raise Fenced(f"{claimed.name} {claimed.id} attempt {claimed.attempt}") from error
        raise


class Inline(Running):
    """A job that runs here and now, without a row: nothing to fence."""

    def __init__(self, name: str, args: Sequence[Any], connection: Connection) -> None:
        nothing: Any = dict.fromkeys(field.name for field in fields(Claimed))
        claimed = Claimed(**nothing | {"id": UUID(int=0), "name": name, "args": args, "attempt": 1})
        super().__init__(claimed, connection, durable=True)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with transaction(self.connection) as tx:
            yield tx

    @contextmanager
    def finishing(self) -> Iterator[Transaction]:
        with transaction(self.connection) as tx:
            yield tx
        self.finished = True

    def finish(self) -> None:
        self.finished = True

    def progress(self, percent: int) -> None:
        """Nobody watches."""


def call(kind: JobType, running: Running, stored: Sequence[Any]) -> None:
    """Run the function inside its middleware; one that takes a Transaction runs inside its finishing one."""
    running.ended = None  # what an earlier, rolled back run has said does not count
    running.arguments = kind.arguments(stored)
    step = partial(_run_function, kind, running)
    for layer in reversed(kind.middleware):
        step = partial(layer, running, step)
    step()
    if not running.finished:
        running.finish()


def _run_function(kind: JobType, running: Running) -> None:
    given = {name: _given(hint, running) for name, hint in kind.injected.items() if hint is not Transaction}
    names = [name for name, hint in kind.injected.items() if hint is Transaction]
    if not names:
        _invoke(kind, given, running.arguments)
        return
    with running.finishing() as tx:
        _invoke(kind, given | {names[0]: tx}, running.arguments)


def run_now(kind: JobType, args: Sequence[Any]) -> None:
    """Run a job here, without the ledger and without its middleware; see `JobType.now`."""
    with connect() as connection:
        inline = Inline(kind.name, args, connection)
        inline.arguments = kind.arguments(args)
        _run_function(kind, inline)


def _given(hint: type[Any], running: Running) -> Any:
    return running if hint is Running else collaborator(hint)


def _invoke(kind: JobType, given: dict[str, Any], arguments: Sequence[Any]) -> None:
    """Injected parameters go by name; the others take what was dispatched, in order."""
    left = iter(arguments)
    kind.function(*(given[name] if name in given else next(left) for name in kind.parameters))
