"""Run one claimed attempt to its end: success, retry, release, failure – always recorded, always fenced."""

import time
from collections.abc import Callable
from functools import partial
from typing import Literal

import psycopg
import structlog
from dramatiq.middleware.time_limit import TimeLimitExceeded

from shared.broadcasting import signals
from shared.broadcasting.signals import JobChanged
from shared.db.engine import close_thread_connection, thread_connection
from shared.db.transaction import TRY_AGAIN, Transaction
from shared.jobs import batch_jobs, chain_jobs, failure, sql
from shared.jobs.ending import succeed
from shared.jobs.interrupt import Interrupted, interruptible
from shared.jobs.job import REGISTRY, JobType
from shared.jobs.outcomes import EndChain, Fenced, Release, Skip
from shared.jobs.running import Claimed, Running, call, fenced
from shared.nudge import nudge

log = structlog.get_logger()

LEDGERS_OWN = (batch_jobs, chain_jobs)  # whoever runs jobs must know these, whatever else it knows

AGAIN_AT_MOST = 3  # serialization failures and deadlocks say nothing about the job: they burn no try
#: Waited for a lock, or in a statement, for longer than is good for the others: neither says anything about the job.
TOO_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
BUSY_REST = 0.2  # seconds, times the attempts it has had: what is always too slow must not come back at once for ever
LONGEST_REST = 30.0
DATABASE_PATIENCE = 5.0  # seconds to wait for a database that went away, before the lease decides
SUCCEEDED = "job succeeded"
UNKNOWN_JOB = Release(30, "this worker does not know the job")


def run(claimed: Claimed) -> None:
    """Run the attempt and record how it ended; raises nothing but what ends the process."""
    kind = REGISTRY.get(claimed.name)
    with structlog.contextvars.bound_contextvars(
        job=f"{claimed.name}/{claimed.id}", attempt=claimed.attempt, order=str(claimed.aggregate_id or "")
    ):
        if kind is None:
            _record(claimed, lambda tx: failure.release(tx, claimed, UNKNOWN_JOB))
            log.warning("unknown job")
            return
        began = time.perf_counter()
        try:
            with interruptible((claimed.id, claimed.attempt)):
                ended = _attempt(kind, claimed)
        except Interrupted:
            close_thread_connection()  # it may have come in the middle of an answer
            ended = "job interrupted"
        if ended == SUCCEEDED:
            _tell(claimed, "succeeded")
        log.info(ended, took_ms=round((time.perf_counter() - began) * 1000, 1))


def _attempt(kind: JobType, claimed: Claimed) -> str:
    running = Running(claimed, thread_connection(), durable=kind.durable)
    try:
        if kind.unique_until_started:
            running.connection.execute(sql.NO_LONGER_UNIQUE, (claimed.id, claimed.attempt))
        _call(kind, running)
    except Fenced:
        return "job lost its lease"
    except (EndChain, Skip) as outcome:
        end = partial(succeed, job=claimed, reason=str(outcome), ends_chain=isinstance(outcome, EndChain))
        return _record(claimed, end) or f"job succeeded early: {outcome}"
    except Release as outcome:
        return _record(claimed, partial(failure.release, claimed=claimed, outcome=outcome)) or "job released"
    except (Exception, TimeLimitExceeded) as error:
        if running.finished:  # the commit had gone through: the job has succeeded
            log.exception("error after the finish")
            return SUCCEEDED
        return _failed(kind, running, error)
    return SUCCEEDED


def _call(kind: JobType, running: Running) -> None:
    """Run the function; again, if PostgreSQL asks for it and all that it did was in the transaction rolled back."""
    rest = min(BUSY_REST * running.attempt, LONGEST_REST)
    for _ in range(AGAIN_AT_MOST):
        try:
            return call(kind, running, running.claimed.args)
        except TRY_AGAIN as busy:
            if not kind.runs_in_transaction:  # it may have asked the outside world: the next attempt knows what to do
                raise Release(rest, "PostgreSQL was busy") from busy
        except TOO_BUSY as busy:
            raise Release(rest, "PostgreSQL was busy") from busy
    raise Release(rest, "PostgreSQL was busy")


def _failed(kind: JobType, running: Running, error: BaseException) -> str:
    claimed = running.claimed
    if isinstance(error, TimeLimitExceeded):
        running.connection.close()  # the interrupt may have come in the middle of an answer
        error = TimeoutError(f"took longer than {kind.timeout:g} s").with_traceback(error.__traceback__)
    elif isinstance(error, psycopg.OperationalError) and running.connection.closed:
        away = Release(0.5, "the database went away")
        return _record(claimed, partial(failure.release, claimed=claimed, outcome=away)) or "job released"
    log.warning("job failed", error=repr(error))
    return _record(claimed, partial(failure.fail, kind=kind, claimed=claimed, error=error)) or "attempt failed"


def _record(claimed: Claimed, write: Callable[[Transaction], failure.State | None]) -> str | None:
    """Write an ending in a fenced transaction and tell it; wait a little for a database that is away.

    Returns None, or why nothing was written: another attempt holds the job, or its lease will decide.
    """
    deadline = time.monotonic() + DATABASE_PATIENCE
    while True:
        try:
            with fenced(thread_connection(), claimed) as tx:
                state = write(tx)
        except Fenced:
            return "job lost its lease"
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                log.exception("the ending was not recorded: the lease will decide")
                return "job left to its lease"
            time.sleep(0.2)
        else:
            nudge()
            _tell(claimed, state or "succeeded")
            return None


def _tell(claimed: Claimed, state: Literal["succeeded", "retrying", "failed"]) -> None:
    """Let pages see it at once; the row is the truth."""
    changed = JobChanged(
        id=claimed.id,
        name=claimed.name,
        queue=claimed.queue,
        attempt=claimed.attempt,
        state=state,
        about=claimed.aggregate_id,
    )
    signals.send(changed)
