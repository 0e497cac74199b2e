"""How an attempt ends that did not succeed: tried again, released, failed for good, and what then follows."""

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import structlog

from shared.clock import now
from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs import sql
from shared.jobs.batch import cancel_at_failure, cancel_batch
from shared.jobs.chain import chain_of
from shared.jobs.ending import BEGIN_BATCH, cancel_rest, let_go
from shared.jobs.job import REGISTRY, JobType, Message, dispatch
from shared.jobs.outcomes import Fail, Release
from shared.jobs.running import Claimed

log = structlog.get_logger()

State = Literal["retrying", "failed"]

JITTER = 0.2
TAIL = 4000  # characters of a traceback that are kept


@dataclass(frozen=True, slots=True)
class Error:
    """An error as an attempt keeps it."""

    line: str
    detail: str | None

    @classmethod
    def of(cls, error: BaseException) -> "Error":
        line = "".join(traceback.format_exception_only(error)).strip()[:500]
        tail = "".join(traceback.format_exception(error))[-TAIL:]
        return cls(_storable(line), _storable(tail))


def _storable(words: str) -> str:
    """PostgreSQL's text takes neither NUL nor half a character."""
    return words.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()


def backoff(kind: JobType, failures: int) -> float:
    """Return the seconds until the next try: the step of the list, the last repeating, and a little jitter."""
    step = kind.backoff[min(failures, len(kind.backoff) - 1)]
    return step * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def is_final(kind: JobType, claimed: Claimed, error: BaseException) -> bool:
    if isinstance(error, (Fail, *kind.never_retry)):
        return True
    if claimed.retry_until is not None:
        return bool(now() >= claimed.retry_until)
    return claimed.tries is not None and claimed.failures + 1 >= claimed.tries


def release(tx: Transaction, claimed: Claimed, outcome: Release) -> State:
    """Back to `scheduled`; a release burns no try, but it does not make the job's time any longer."""
    if claimed.retry_until is not None and now() >= claimed.retry_until:
        why = Error(f"out of time, and still: {outcome}", None)
        _end(tx, sql.FAIL, claimed, why)
        follow_up(tx, claimed, why.line)
        return "failed"
    _end(tx, sql.RELEASE, claimed, Error(str(outcome), None), seconds=outcome.seconds)
    return "retrying"


def fail(tx: Transaction, kind: JobType, claimed: Claimed, error: BaseException) -> State:
    """Record a failure: the next try by the backoff list, or the end of it."""
    what = Error.of(error)
    if not is_final(kind, claimed, error):
        _end(tx, sql.RETRY, claimed, what, seconds=backoff(kind, claimed.failures))
        return "retrying"
    _end(tx, sql.FAIL, claimed, what)
    follow_up(tx, claimed, what.line)
    return "failed"


def wait(tx: Transaction, claimed: Claimed, reason: str) -> None:
    """Back to `blocked`, until what it waits for calls it again."""
    _end(tx, sql.WAIT, claimed, Error(reason, None))


def cancel(tx: Transaction, claimed: Claimed, reason: str) -> None:
    """End an attempt as cancelled, and with it its chain; what the chain did is undone, and nobody is alarmed."""
    _end(tx, sql.CANCELLED, claimed, Error(reason, None))
    rest = end_chain(tx, claimed, reason) if claimed.chain_id is not None else 0
    let_go(tx, claimed, ended=1 + rest, cancelled=1 + rest)


def _end(tx: Transaction, statement: str, claimed: Claimed, error: Error, **more: Any) -> None:
    fence = {"id": claimed.id, "attempt": claimed.attempt, "due": claimed.due_at}
    tx.execute(statement, {**fence, "error": error.line, "detail": error.detail, **more})


def follow_up(tx: Transaction, job: Any, error: str) -> None:
    """After a job failed for good: end its chain, undo what the chain did, count it in its batch, tell people.

    job: a Claimed, or a row with its id, name, args, chain_id, batch_id and serial_key.
    """
    tx.wakes = True
    rest = end_chain(tx, job, f"{job.name} failed") if job.chain_id is not None else 0
    let_go(tx, job, ended=1 + rest, failed=1, cancelled=rest)
    if job.batch_id is not None:
        cancel_at_failure(tx, job.batch_id, f"{job.name} failed")
    kind = REGISTRY.get(job.name)
    if kind is not None and kind.failed is not None:
        _tell(tx, kind, kind.failed, job, error)


def end_chain(tx: Transaction, link: Any, reason: str) -> int:
    """Cancel what waits in a chain and undo what it did; return how many links were cancelled.

    link: that ended it: a Claimed, or a row with its name, args and chain_id.
    """
    if link.name == BEGIN_BATCH:  # its members, if they never began
        cancel_batch(tx, UUID(link.args[0]), reason)
    if tx.one(sql.CHAIN_IS_OVER, (link.chain_id,)) is not None:
        return 0
    rest = cancel_rest(tx, link.chain_id, reason)
    undo_chain(tx, link.chain_id)
    return rest


def _tell(tx: Transaction, kind: JobType, failed: Callable[..., Message], job: Any, error: str) -> None:
    """Dispatch what `failed=` returns; a hook that itself fails must not keep the job from having failed."""

    def write() -> None:
        dispatch(tx, failed(*kind.arguments(job.args), error))

    if (broken := tx.attempt(write)) is not None:
        log.error("the failed hook failed", job=f"{job.name}/{job.id}", exc_info=broken)


def _undo(done: Any) -> Message:
    """Return the undo of a finished link; one that this release does not know waits in the ledger for one that does."""
    if kind := REGISTRY.get(done.undo):
        return kind.message(*kind.arguments(done.args))
    return Message(done.undo, tuple(done.args), done.queue, tries=None)


def undo_chain(tx: Transaction, chain_id: UUID) -> None:
    """Dispatch the undos of the links that had finished, last first, as a chain of their own; once in its life."""
    undone = [_undo(done).about(done.aggregate_id) for done in tx.all(sql.UNDOABLE, (chain_id,))]
    if not undone or tx.one(sql.CHAIN_UNDONE, {"chain": chain_id, "by": (by := new_id())}) is None:
        return
    chain_of(f"undo of {chain_id}", ((message, None) for message in undone), chain_id=by).dispatch(tx)
