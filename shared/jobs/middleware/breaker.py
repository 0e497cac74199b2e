"""`throttles_exceptions`: after so many failures in a row nobody tries for a while, then one job does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psycopg
import structlog
from dramatiq.middleware.time_limit import TimeLimitExceeded

from shared.config import settings
from shared.db.engine import thread_connection
from shared.db.sql import pruning
from shared.db.transaction import Transaction
from shared.jobs import middleware_sql as sql
from shared.jobs.job import Middleware
from shared.jobs.middleware.aside import put_aside
from shared.jobs.outcomes import EndChain, Fenced, Outcome, Skip
from shared.jobs.running import Running

log = structlog.get_logger()

JITTER = 0.1  # of the rest

#: These say nothing of what the job has to do with: it chose its end, was too late, or PostgreSQL was busy or away.
NO_FAILURES = (Outcome, Fenced, psycopg.OperationalError)


def throttles_exceptions(
    times: int = 10,
    *,
    within: float = 600,
    rest: float | None = None,
    by: str | Callable[..., str] | None = None,
    when: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Middleware:
    """Count failures in a row; after the last that is allowed put later attempts aside, so that they burn no tries.

    The error itself is raised as ever: the attempt has failed, and is tried again by the job's backoff.

    within: seconds after which a failure is forgotten if no other follows.
    rest: seconds in which nobody tries, without it as many; then one is let through.
    by: the key under which they are counted, or a function of the job's arguments; without it the job's name.
    when: the errors that count; a time limit is a TimeoutError.
    """

    def layer(job: Running, proceed: Callable[[], None]) -> None:
        key = by(*job.arguments) if callable(by) else by or job.name
        breaker = Breaker(key, times, within, within if rest is None else rest)
        state = breaker.admit(job)
        try:
            proceed()
        except (Exception, TimeLimitExceeded) as error:
            if job.finished or isinstance(error, (EndChain, Skip)):
                breaker.succeeded(job, state)
            elif _counts(error, when):
                breaker.failed(job, error)
            elif state == "trial":
                job.connection.execute(sql.NOT_TRIED, (key,))
            raise
        breaker.succeeded(job, state)

    return layer


@dataclass(frozen=True, slots=True)
class Breaker:
    """One key's row; there is none while all goes well."""

    key: str
    times: int
    within: float
    rest: float

    def admit(self, job: Running) -> Literal["well", "failing", "trial"]:
        """Put the job aside while nobody is to try; otherwise tell how things stand."""
        row = job.connection.execute(sql.BREAKER, (self.key,)).fetchone()
        if row is None or row.wait is None:
            return "well" if row is None else "failing"
        trial = min(self.rest, settings().lease_seconds)  # who dies while it tries is waited for no longer
        if row.wait <= 0 and job.connection.execute(sql.TRY_ONCE, {"key": self.key, "trial": trial}).fetchone():
            return "trial"
        wait = row.wait if row.wait > 0 else trial
        reason = f"{self.key} failed {row.failures} times in a row: rests for {wait:.1f} s"
        raise put_aside(wait, reason, jitter=JITTER * self.rest)

    def succeeded(self, job: Running, state: str) -> None:
        if state != "well":
            job.connection.execute(sql.CLOSE, (self.key,))

    def failed(self, job: Running, error: BaseException) -> None:
        if isinstance(error, TimeLimitExceeded):
            job.connection.close()  # the interrupt may have come in the middle of an answer
        how = {"key": self.key, "times": self.times, "within": self.within, "rest": self.rest}
        row = thread_connection().execute(sql.ANOTHER_FAILURE, how).fetchone()
        if row is not None and row.open_until is not None:
            log.warning("nobody tries for a while", key=self.key, failures=row.failures, seconds=self.rest)


def _counts(error: BaseException, when: type[Exception] | tuple[type[Exception], ...]) -> bool:
    seen = TimeoutError() if isinstance(error, TimeLimitExceeded) else error
    return isinstance(seen, when) and not isinstance(seen, NO_FAILURES)


def prune(tx: Transaction) -> bool:
    """Forget some of the failures of days ago; say whether there may be more."""
    return pruning.delete(tx, sql.PRUNE_BREAKERS)
