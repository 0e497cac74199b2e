"""What operators do to jobs and queues: try again, cancel, run now, forget, pause, resume."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from shared.db.transaction import Cause, Transaction
from shared.jobs import batch_sql
from shared.jobs import operations_sql as sql
from shared.jobs.batch import cancel_batch, reopen_batch
from shared.jobs.chain_jobs import undo_cancelled_chain
from shared.jobs.ending import BEGIN_BATCH, cancel_rest, let_go_of
from shared.jobs.sql import CHAIN_IS_OVER, UNDOABLE

OPEN = ("blocked", "scheduled", "queued", "running")
ENDED = ("failed", "cancelled")  # and so can be tried again
DOUBLE = "another job with its unique key is open"


class Refused(Exception):
    """It cannot be done, and why."""


def retry(tx: Transaction, ids: Iterable[UUID], why: str) -> dict[UUID, str | None]:
    """Try ended jobs again, as further attempts of the same jobs; return for each why it was refused, or None.

    why: shown while it waits: "retried by Nour".
    """
    return {job.id: _tried(tx, job.id, why) for job in tx.all(sql.LOCK, (list(ids),))}


def cancel(tx: Transaction, ids: Iterable[UUID], why: str) -> list[UUID]:
    """Cancel jobs that are open, also running ones. Return those that were.

    With a link its whole chain ends, and what the chain had done is undone; if that link is a batch which runs, once
    the last of its members has ended.
    """
    asked = list(ids)
    found = _locked(tx, asked)
    ended = [(job, members) for job in found if (members := _cancel(tx, job, why))]
    let_go_of(tx, ended)
    chains = [job.chain_id for job, _ in ended]
    links = tx.all(sql.BATCHES_THAT_RUN, {"ids": asked, "chains": chains})
    for link in [job for job, _ in ended if job.name == BEGIN_BATCH] + links:
        cancel_batch(tx, UUID(link.args[0]), why, also_running=True)
    return [job.id for job in found if job.state in OPEN] + [link.id for link in links if link.id in asked]


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


def _tried(tx: Transaction, job_id: UUID, why: str) -> str | None:
    broken = tx.attempt(partial(_retry, tx, job_id, why))
    if broken is None:
        return None
    if isinstance(broken, UniqueViolation):
        return DOUBLE
    if isinstance(broken, Refused):
        return str(broken)
    raise broken


def _retry(tx: Transaction, job_id: UUID, why: str) -> None:
    job = tx.one(sql.LOCK, ([job_id],))  # as it is by now: the one before it in the list may have reopened its chain
    if job.state not in ENDED:
        raise Refused(f"it is {job.state}")
    if job.name == BEGIN_BATCH and job.attempt > 0:
        raise Refused("it ends as its batch does: retry the jobs of that")
    if tx.one(sql.REFUSED_AS_DOUBLE, (job.id,)) is not None:
        raise Refused(DOUBLE)
    alone = job.chain_id is None and job.batch_id is None
    if alone and job.attempt == 0 and (batch := tx.one(sql.LOCK_BATCH_THAT_CALLS, (job.id,))) is not None:
        _wait_for_call(tx, job.id, batch.id)
        return
    _reopen(tx, job)
    if job.name == BEGIN_BATCH:
        _revive(tx, UUID(job.args[0]))
    tx.wakes = True
    tx.execute(sql.RETRY, {"id": job.id, "reason": why})


def _wait_for_call(tx: Transaction, callback: UUID, batch: UUID) -> None:
    """Let a callback that was cancelled before it began wait for its batch again, if that has not called it by now."""
    tx.execute(sql.BLOCK, (callback,))
    tx.execute(batch_sql.CALL, {"batch": batch})
    if tx.one(sql.LOCK, ([callback],)).state == "cancelled":
        raise Refused("its batch ended without it: retry the jobs of that")
    tx.wakes = True


def _reopen(tx: Transaction, job: Any) -> None:
    """Let its chain and its batch go on, and the chain that the batch is a link of."""
    links = _reopen_chain(tx, job) if job.chain_id is not None else 0
    if job.batch_id is None:
        return
    failed = int(job.state == "failed")
    reopen_batch(tx, job.batch_id, 1 + links, failed=failed, cancelled=1 - failed + links)
    link = tx.one(batch_sql.LINK, (job.batch_id,))
    if link is not None and link.attempt == 0:
        raise Refused("its batch is a link whose turn never came: retry the one before that failed")
    if link is not None and link.state in ENDED:
        _reopen(tx, link)
        tx.execute(batch_sql.BLOCK_LINK, (link.id,))
        tx.execute(batch_sql.BEGIN, (job.batch_id,))  # it may have been cancelled before it could
    elif link is not None and link.state in OPEN:  # one that has succeeded let its chain go on, or end, without this
        _reopen_rest(tx, link)


def _reopen_chain(tx: Transaction, job: Any) -> int:
    """Let the links after a failed one wait again; return how many they are."""
    chain = tx.one(sql.CHAIN, (job.chain_id,))
    if chain.undone_at is not None:
        raise Refused("its chain was undone")
    if job.link > 0 and not _its_turn_came(tx, job, chain):
        raise Refused("it is a link whose turn never came: retry the one before it that failed")
    if tx.one(sql.FORGOTTEN_LINK, (job.chain_id, job.link)) is not None:
        raise Refused("a link after it was forgotten")
    tx.execute(sql.REOPEN_CHAIN, (job.chain_id,))
    return _block_rest_again(tx, job)


def _reopen_rest(tx: Transaction, link: Any) -> None:
    """Let the links after a batch that runs wait again, where one of them was cancelled and would have ended it."""
    if (links := _block_rest_again(tx, link)) and link.batch_id is not None:
        reopen_batch(tx, link.batch_id, links, cancelled=links)


def _block_rest_again(tx: Transaction, job: Any) -> int:
    rest = tx.all(sql.BLOCK_REST_AGAIN, {"chain": job.chain_id, "link": job.link})
    _revive_batches(tx, rest)
    return len(rest)


def _its_turn_came(tx: Transaction, job: Any, chain: Any) -> bool:
    """Say whether the link before it has succeeded, and did not end the chain with a business "no"."""
    before = tx.one(sql.LINK_BEFORE, (job.chain_id, job.link))
    never = job.state == "cancelled" and job.attempt == 0 and job.reason == chain.ended_reason
    return before is not None and before.state == "succeeded" and not never


def _revive_batches(tx: Transaction, links: Iterable[Any]) -> None:
    for link in links:
        if link.name == BEGIN_BATCH:
            _revive(tx, UUID(link.args[0]))


def _revive(tx: Transaction, batch_id: UUID) -> None:
    """Let a batch wait again that was cancelled before its turn came."""
    members = tx.all(batch_sql.REVIVE, {"batch": batch_id})
    reopen_batch(tx, batch_id, len(members), cancelled=len(members))
    _revive_batches(tx, members)


def _locked(tx: Transaction, ids: list[UUID]) -> list[Any]:
    """Lock jobs and, of their chains, what is on; again if meanwhile another link's turn has come."""
    known: set[UUID] = set()
    while True:
        found = tx.all(sql.LOCK_WITH_CHAINS, {"ids": ids})
        if known >= (known := {job.id for job in found}):
            return found


def _cancel(tx: Transaction, job: Any, why: str) -> int:
    """Return how many have ended with it: none if the one before it in the list has ended their chain."""
    attempt = {"attempt": job.attempt, "worker": job.worker, "due": job.available_at, "started": job.started_at}
    if tx.one(sql.CANCEL, {"id": job.id, "reason": why, "running": job.state == "running", **attempt}) is None:
        return 0
    tx.wakes = True
    tx.cause = Cause(job.id, job.event_id, job.aggregate_id, job.traceparent)
    return 1 + (_end_chain(tx, job) if job.chain_id is not None else 0)


def _end_chain(tx: Transaction, job: Any) -> int:
    """Cancel what waits in its chain; a job undoes what the chain did, because this process may not know the undos.

    Where a batch runs, its link ends the chain, when the members have ended.
    """
    if tx.all(sql.BATCHES_THAT_RUN, {"ids": [], "chains": [job.chain_id]}) or tx.one(CHAIN_IS_OVER, (job.chain_id,)):
        return 0
    rest = cancel_rest(tx, job.chain_id, f"{job.name} was cancelled")
    if tx.one(UNDOABLE, (job.chain_id,)) is not None:
        undo_cancelled_chain.dispatch(tx, job.chain_id)
    return rest
