"""What operators ask of jobs, answered for each of them: done, or why not."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.jobs import operations

#: For each id None where it was done, or why it was not.
Answers = dict[UUID, str | None]

NO_SUCH = "there is no such job"
OPEN = ("blocked", "scheduled", "queued", "running")

STATES = "select id, state, available_at <= clock_timestamp() as is_due from jobs where id = any(%s)"
STILL = "select id from jobs where id = any(%s) and state = any(%s) order by id for update"


def retry(tx: Transaction, ids: Sequence[UUID], why: str) -> Answers:
    """Try ended jobs again. why: shown while they wait."""
    return _whole(ids, operations.retry(tx, ids, why))


def cancel(tx: Transaction, ids: Sequence[UUID], why: str) -> Answers:
    """Cancel open jobs; with a link its chain."""
    before = _states(tx, ids)
    cancelled = set(operations.cancel(tx, ids, why))
    # Of two links of a chain the first one takes the other along.
    left = [job for job, state in before.items() if state in OPEN and job not in cancelled]
    cancelled |= {job for job, state in (_states(tx, left) if left else {}).items() if state == "cancelled"}
    return _whole(ids, {job: None if job in cancelled else f"it is {state}" for job, state in before.items()})


def run_now(tx: Transaction, ids: Sequence[UUID]) -> Answers:
    """Make due what waits for its time."""
    done = set(operations.run_now(tx, ids))
    after = {row.id: _why_not_now(row) for row in tx.all(STATES, (list(ids),))}
    return _whole(ids, {job: None if job in done else why for job, why in after.items()})


def _why_not_now(row: Any) -> str:
    if row.state != "scheduled":
        return f"it is {row.state}"
    return "it is due already" if row.is_due else "it waits for its turn"


def forget(tx: Transaction, ids: Sequence[UUID]) -> Answers:
    """Delete what has ended, with its attempts."""
    before = _states(tx, ids)
    done = set(operations.forget(tx, ids))
    why = {job: f"it is {state}" if state in OPEN else "its chain goes on" for job, state in before.items()}
    return _whole(ids, {job: None if job in done else why[job] for job in before})


def still(tx: Transaction, ids: Sequence[UUID], states: Sequence[str]) -> list[UUID]:
    """Of jobs that a filter found, lock and return those that are still in one of these states."""
    return [row.id for row in tx.all(STILL, (list(ids), list(states)))]


def _states(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, str]:
    return {row.id: row.state for row in tx.all(STATES, (list(ids),))}


def _whole(ids: Sequence[UUID], answers: Answers) -> Answers:
    """Answer in the order of the question, also for what is not there."""
    return {job: answers.get(job, NO_SUCH) for job in ids}
