"""What operators do to jobs and queues: try again, cancel, run now, forget, pause, resume."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from shared.db.transaction import Cause, Transaction
from shared.jobs import batch_sql
from shared.jobs import operations_sql as sql
from shared.jobs.batch import cancel_batch
from shared.jobs.chain_jobs import undo_cancelled_chain
from shared.jobs.ending import cancel_rest, let_go
from shared.jobs.sql import CHAIN_IS_OVER, UNDOABLE

ENDED = ("failed", "cancelled")  # and so can be tried again


class Refused(Exception):
    """It cannot be done, and why."""


def retry(tx: Transaction, ids: Iterable[UUID], why: str) -> dict[UUID, str | None]:
    """Try ended jobs again, as further attempts of the same jobs; return for each why it was refused, or None.

    why: shown while it waits: "retried by Nour".
    """
    return {job.id: _tried(tx, job, why) for job in tx.all(sql.LOCK, (list(ids),))}


def cancel(tx: Transaction, ids: Iterable[UUID], why: str) -> list[UUID]:
    """Cancel jobs that are open, also running ones. Return those that were.

    With a link its whole chain ends, and what the chain had done is undone.
    """
    rows = tx.all(sql.LOCK_WITH_CHAINS, {"ids": list(ids)})
    return [job.id for job in rows if _cancel(tx, job, why)]


def run_now(tx: Transaction, ids: Iterable[UUID]) -> list[UUID]:
    """Make jobs due that wait for their time; return those that did."""
    tx.wakes = True
    return [row.id for row in tx.all(sql.RUN_NOW, (list(ids),))]


def forget(tx: Transaction, ids: Iterable[UUID]) -> list[UUID]:
    """Delete jobs that have ended, with their attempts; return those that had. A link goes when its chain is over."""
    return [row.id for row in tx.all(sql.FORGET, (list(ids),))]


def pause(tx: Transaction, queue: str, by: str, reason: str = "") -> None:
    """Let nothing of a queue start any more, once this is committed; what runs goes on."""
    tx.execute(sql.LOCK_PAUSES)
    tx.execute(sql.PAUSE, {"queue": queue, "by": by, "reason": reason})


def resume(tx: Transaction, queue: str) -> bool:
    """Let a queue go on; return whether it was paused."""
    tx.wakes = True
    return tx.one(sql.RESUME, (queue,)) is not None


def _tried(tx: Transaction, job: Any, why: str) -> str | None:
    try:
        _retry(tx, job, why)
    except Refused as refused:
        return str(refused)
    return None


def _retry(tx: Transaction, job: Any, why: str) -> None:
    if job.state not in ENDED:
        raise Refused(f"it is {job.state}")
    if tx.one(sql.REFUSED_AS_DOUBLE, (job.id,)) is not None:
        raise Refused("another job with its unique key is open")
    links = _reopen_chain(tx, job) if job.chain_id is not None else 0
    tx.wakes = True
    tx.execute(sql.RETRY, {"id": job.id, "reason": why})
    if job.batch_id is not None:
        failed = int(job.state == "failed")
        ways = {"members": 1 + links, "failed": failed, "cancelled": 1 - failed + links}
        tx.execute(batch_sql.REOPEN, {"batch": job.batch_id, **ways})


def _reopen_chain(tx: Transaction, job: Any) -> int:
    """Let the links after a failed one wait again; return how many they are."""
    chain = tx.one(sql.CHAIN, (job.chain_id,))
    if chain.undone_at is not None:
        raise Refused("its chain was undone")
    if job.state == "cancelled" and job.attempt == 0 and not _had_its_turn(tx, job):
        raise Refused("it is a link whose turn never came: retry the one before it that failed")
    tx.execute(sql.REOPEN_CHAIN, (job.chain_id,))
    return len(tx.all(sql.BLOCK_REST_AGAIN, {"chain": job.chain_id, "link": job.link}))


def _had_its_turn(tx: Transaction, job: Any) -> bool:
    """Say whether a link that never started could have: it was cancelled while it was due."""
    return job.link == 0 or tx.one(sql.ONE_BEFORE_SUCCEEDED, {"chain": job.chain_id, "link": job.link}) is not None


def _cancel(tx: Transaction, job: Any, why: str) -> bool:
    """Return whether it was open; with the one before it in the list its chain may have ended."""
    attempt = {"attempt": job.attempt, "worker": job.worker, "due": job.available_at, "started": job.started_at}
    if tx.one(sql.CANCEL, {"id": job.id, "reason": why, "running": job.state == "running", **attempt}) is None:
        return False
    tx.wakes = True
    tx.cause = Cause(job.id, job.event_id, job.aggregate_id, job.traceparent)
    rest = _end_chain(tx, job) if job.chain_id is not None else 0
    let_go(tx, job, ended=1 + rest, cancelled=1 + rest)
    return True


def _end_chain(tx: Transaction, job: Any) -> int:
    """Cancel what waits in its chain; a job undoes what the chain did, because this process may not know the undos."""
    because = f"{job.name} was cancelled"
    for batch in tx.all(batch_sql.OF_CHAIN, (job.chain_id,)):
        cancel_batch(tx, batch.id, because, also_running=True)
    if tx.one(CHAIN_IS_OVER, (job.chain_id,)) is not None:
        return 0
    rest = cancel_rest(tx, job.chain_id, because)
    if tx.one(UNDOABLE, (job.chain_id,)) is not None:
        undo_cancelled_chain.dispatch(tx, job.chain_id)
    return rest
