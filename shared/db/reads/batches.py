"""Batches as operators read them: how far they are, and what follows from them."""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session, col, func, select

from shared.db.tables.jobs import Batch, Job

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WholeBatch:
    """A batch with the number of its members in each state, and the jobs that its end calls."""

    batch: Batch
    members: dict[str, int]
    callbacks: dict[str, Job]  # by then, catch, finally


def page(session: Session, name: str | None, *, still_open: bool, before: UUID | None, limit: int) -> list[Batch]:
    """Return the newest first; those before `before`. still_open: only those with members that have not ended."""
    statement = select(Batch).order_by(col(Batch.id).desc()).limit(limit)
    if name is not None:
        statement = statement.where(Batch.name == name)
    if still_open:
        statement = statement.where(col(Batch.finished_at).is_(None))
    if before is not None:
        statement = statement.where(Batch.id < before)
    return list(session.exec(statement))


def one(session: Session, batch_id: UUID) -> WholeBatch | None:
    batch = session.get(Batch, batch_id)
    if batch is None:
        return None
    return WholeBatch(batch, _members(session, batch_id), _callbacks(session, batch))


def state(batch: Batch) -> str:
    """Say how a batch stands, in a word."""
    if batch.cancelled_at is not None:
        return "cancelled"
    if batch.finished_at is None:
        return "open"
    return "failed" if batch.failed else "succeeded"


def succeeded(batch: Batch) -> int:
    return batch.total - batch.pending - batch.failed - batch.cancelled


def progress(batch: Batch) -> int:
    """Return the percentage of members that have ended, however they did."""
    return 100 * (batch.total - batch.pending) // batch.total if batch.total else 100


def _members(session: Session, batch_id: UUID) -> dict[str, int]:
    counted = select(Job.state, func.count()).where(Job.batch_id == batch_id).group_by(Job.state)
    return dict(sorted(session.exec(counted)))


def _callbacks(session: Session, batch: Batch) -> dict[str, Job]:
    """Return those that there are; one that was pruned is gone."""
    wanted = {"then": batch.then_id, "catch": batch.catch_id, "finally": batch.finally_id}
    found = {name: session.get(Job, job_id) for name, job_id in wanted.items() if job_id is not None}
    return {name: job for name, job in found.items() if job is not None}
