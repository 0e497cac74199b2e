"""What keeps the house in order by the clock: old rows go, and the books are checked."""

from collections.abc import Callable

import psycopg

from services.worker.alerting import judge
from shared import books
from shared.db.engine import connect
from shared.db.sql import alerts, pruning
from shared.db.sql.alerts import Seen
from shared.db.transaction import Transaction
from shared.jobs import pruning as jobs
from shared.jobs import schedule_sql
from shared.jobs.job import job
from shared.jobs.running import Running

#: What was touched since may still be on its way.
QUIET = 600.0
TOLD = 3  # faults that an alert names; `GET /books` has them all


@job(tries=3, backoff=(60,), timeout=900, unique=lambda: "once")
def prune_jobs(job: Running) -> None:
    """Forget jobs that ended long ago; an open one never."""
    _in_batches(job, jobs.prune)


@job(tries=3, backoff=(60,), timeout=900, unique=lambda: "once")
def prune_history(job: Running) -> None:
    """Forget old slots of the schedule, and alerts that were over long ago."""
    _in_batches(job, alerts.prune)
    _in_batches(job, lambda tx: pruning.delete(tx, schedule_sql.PRUNE))


@job(tries=3, backoff=(60,), timeout=120, unique=lambda: "once")
def check_books(job: Running) -> None:
    """Compare stock, money, notifications and jobs in one snapshot; what is wrong is an alert until it is right."""
    faults = _faults()
    with job.finishing() as tx:
        judge(tx, ["books"], [Seen("books", "books", _summary(faults))] if faults else [])


def _faults() -> list[str]:
    """Check the books. Taking too long is a failure: tried again at once, for ever, it would be all that goes on."""
    try:
        with connect() as connection:  # its plans read whole tables: the workers' own are not fit for that
            return books.check(connection, quiet_seconds=QUIET)
    except psycopg.errors.QueryCanceled as late:
        raise TimeoutError("the books took longer than PostgreSQL lets them") from late


def _summary(faults: list[str]) -> str:
    more = f"; and {len(faults) - TOLD} more" if len(faults) > TOLD else ""
    return "; ".join(faults[:TOLD]) + more


def _in_batches(job: Running, prune: Callable[[Transaction], bool]) -> None:
    more = True
    while more:
        with job.transaction() as tx:
            more = prune(tx)
