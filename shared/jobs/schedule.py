"""Periodic tasks: a row for each task and slot of time, so that none runs twice and none is missed in silence.

A slot's row and its job are inserted in one transaction, by PostgreSQL's clock: whatever is killed, whoever leads, and
whatever the clocks of the machines say, the key of the row lets one job be. After a standstill the latest slot runs;
those before it are kept as missed.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

import psycopg
import structlog

from shared.db.engine import Connection
from shared.db.transaction import Transaction, transaction
from shared.jobs import schedule_sql as sql
from shared.jobs.job import JobType
from shared.jobs.when import When

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Task:
    """A job and when it is due. It takes no arguments; `unique` if two at once would be a waste."""

    when: When
    job: JobType


#: Every task by its name.
Schedule = Mapping[str, Task]

LOOK_EVERY = 1.0  # seconds between two looks at the least …
LOOK_WITHIN = 10.0  # … and at the most, however far the next slot is: the clocks may differ
FIRST = -1  # priority: what is due by the clock does not wait behind a crowd
MISSED_KEPT = 100  # of one standstill
NO_RELAY = "no relay was up"
STILL_ON = "the run before had not ended"


class Scheduler:
    """Starts what is due; for a relay, which lets it look while it leads."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._looks_at = 0.0

    def look(self, connection: Connection) -> None:
        """Start the tasks whose slot has come; mostly it is not even time to look."""
        if not self._schedule or time.monotonic() < self._looks_at:
            return
        self._looks_at = time.monotonic() + LOOK_EVERY
        rows = connection.execute(sql.LAST, (list(self._schedule),)).fetchall()
        for row in rows:
            when = self._schedule[row.task].when
            if row.last is None or row.last < when.latest(row.now):
                self._start(connection, row.task, row.last, row.now)
        waits = (self._schedule[row.task].when.following(row.now) - row.now for row in rows)
        self._looks_at = time.monotonic() + min(max(min(waits).total_seconds(), LOOK_EVERY), LOOK_WITHIN)

    def _start(self, connection: Connection, name: str, last: datetime | None, now: datetime) -> None:
        """One transaction a task: one that cannot be started must not keep the others from it."""
        try:
            with transaction(connection) as tx:
                start(tx, name, self._schedule[name], last, now)
        except psycopg.OperationalError:
            raise
        except Exception:
            log.exception("a task cannot be started", alert="task_failed", task=name)


def start(tx: Transaction, name: str, task: Task, last: datetime | None, now: datetime) -> None:
    """Dispatch the job of the latest slot, unless that was done; keep the slots since `last` as missed."""
    slot = task.when.latest(now)
    if last is not None and (missed := list(islice(_between(task.when, last, slot), MISSED_KEPT))):
        log.warning("slots were missed", task=name, slots=len(missed), since=str(missed[-1]))
        tx.execute(sql.MISSED, {"task": name, "slots": missed, "reason": NO_RELAY})
    message = task.job.message(priority=FIRST)
    if tx.one(sql.TAKE, {"task": name, "slot": slot, "job": message.id}) is None:
        return
    if message.dispatch(tx) is None:
        log.error("a task has not ended since its last slot", alert="task_overdue", task=name)
        tx.execute(sql.SKIPPED, {"task": name, "slot": slot, "reason": STILL_ON})


def run_by_hand(tx: Transaction, name: str, task: Task) -> UUID | None:
    """Dispatch a task's job now, as a slot of its own; None if its last run has not ended."""
    job_id = task.job.dispatch(tx, priority=FIRST)
    if job_id is not None:
        tx.execute(sql.BY_HAND, {"task": name, "job": job_id})
    return job_id


def _between(when: When, last: datetime, slot: datetime) -> Iterator[datetime]:
    """Yield the slots between the two, the newest first."""
    while (slot := when.latest(slot - timedelta(microseconds=1))) > last:
        yield slot
