"""Run what is due, here and now: no Redis, no processes, and no waiting, because time can be made to pass."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.config import settings
from shared.db.engine import Connection
from shared.db.transaction import transaction
from shared.events.expand import Listeners, expand
from shared.jobs import sql
from shared.jobs.claim import claim, take_back
from shared.jobs.hand_over import hand_over
from shared.jobs.runner import run
from shared.jobs.running import Claimed
from shared.jobs.testing import time_sql

NO_TIME = timedelta(0)
WORKER = "drain"
AT_ONCE = 10_000  # what follows from these comes after them


@dataclass(frozen=True, slots=True)
class Ran:
    """One attempt that `drain` made. outcome: succeeded, failed, released, lost or cancelled."""

    name: str
    args: tuple[Any, ...]
    outcome: str
    error: str | None
    job_id: UUID
    attempt: int


def drain(  # noqa: PLR0913 - all but the first say how far it goes
    connection: Connection,
    listeners: Listeners | None = None,
    *,
    queues: Collection[str] | None = None,
    until: Callable[[], object] = lambda: False,
    ahead: timedelta = NO_TIME,
    retry_at_once: bool = False,
    within: float = 30,
) -> list[Ran]:
    """Run what is due and what follows from it, one job after another, until nothing is; return what ran.

    connection: to the settings' database, where the jobs' own transactions go.
    listeners: what follows from facts; without a table, facts wait.
    queues: these only.
    until: asked before each job, and before time passes: what is left stays when the answer is yes.
    ahead: lets so much time pass, from each moment at which something is due to the next.
    retry_at_once: what was tried or released before need not wait for its time.
    within: seconds of real time after which it gives up. Jobs' own time limits are not kept here.
    """
    here = _Here(connection, listeners, queues, retry_at_once)
    ran: list[Ran] = []
    deadline = time.monotonic() + within
    for claimed in here.work(ahead, until):
        run(claimed)
        ran.append(here.ran(claimed))
        if time.monotonic() > deadline:
            raise AssertionError(f"still at work after {within:g} s, at last with {ran[-5:]}")
    return ran


@dataclass(frozen=True, slots=True)
class _Here:
    """Relay, queue and worker in one."""

    connection: Connection
    listeners: Listeners | None
    queues: Collection[str] | None
    retry_at_once: bool

    def work(self, ahead: timedelta, until: Callable[[], object]) -> Iterator[Claimed]:
        """Yield what is to be run, claimed."""
        while True:
            busy = self._expand()
            looked_at = self._now()
            for job_id in (due := self._due()):
                if until():
                    take_back(self.connection, due)
                    return
                claimed = claim(self.connection, WORKER, [job_id], alone=True)
                yield from claimed
                busy = busy or bool(claimed)
            take_back(self.connection, due)  # what could not be claimed: its queue was paused, its batch cancelled
            if not busy:
                step = None if until() else self._next_moment(looked_at, ahead)
                if step is None:
                    break
                self._let_pass(step)
                ahead -= step
        if not until():
            self._let_pass(ahead)

    def _expand(self) -> bool:
        """Let jobs follow from facts; return whether there were any facts."""
        with transaction(self.connection) as tx:
            return self.listeners is not None and expand(tx, self.listeners) > 0

    def _due(self) -> list[UUID]:
        """Hand over what is due, and return the ids of what is to be run, in order."""
        if self.retry_at_once:
            self.connection.execute(time_sql.TRIED_NEED_NOT_WAIT)
        with transaction(self.connection) as tx:
            due = hand_over(tx, settings().model_copy(update={"hand_over_at_least": AT_ONCE}))
            tx.execute(sql.TAKE_BACK, ([job_id for queue, job_id in due if not self._wants(queue)],))
        return [job_id for queue, job_id in due if self._wants(queue)]

    def _wants(self, queue: str) -> bool:
        return self.queues is None or queue in self.queues

    def _now(self) -> datetime:
        row: Any = self.connection.execute("select clock_timestamp() as now").fetchone()
        moment: datetime = row.now
        return moment

    def _next_moment(self, looked_at: datetime, ahead: timedelta) -> timedelta | None:
        """Return how long it is until something is due that was not when it was looked, if that is within `ahead`."""
        asked = {"since": looked_at, "queues": None if self.queues is None else list(self.queues)}
        row: Any = self.connection.execute(time_sql.NEXT_MOMENT, asked).fetchone()
        return row.away if row is not None and row.away <= ahead else None

    def _let_pass(self, passed: timedelta) -> None:
        if passed:
            for statement in time_sql.PASS:
                self.connection.execute(statement, {"passed": passed})

    def ran(self, claimed: Claimed) -> Ran:
        row: Any = self.connection.execute(time_sql.HOW_IT_ENDED, (claimed.id, claimed.attempt)).fetchone()
        outcome, error = row or ("lost", "another attempt has it, or its end was not recorded")
        return Ran(claimed.name, tuple(claimed.args), outcome, error, claimed.id, claimed.attempt)
