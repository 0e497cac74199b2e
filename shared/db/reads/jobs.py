"""Jobs as operators read them: a page of those that a filter wants, and one with all there is to know about it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, exists
from sqlalchemy.orm import aliased, joinedload
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import Select, SelectOfScalar

from shared.clock import now
from shared.db.tables.jobs import Batch, Job

#: So many are changed in one transaction, which must be over in 4 s also on a busy machine.
AT_ONCE = 200

Statement = TypeVar("Statement", Select[Any, Any], SelectOfScalar[Any])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs: all that is said must hold. Ages count since its end, or while it is open since its dispatch."""

    name: str | None = None
    queue: str | None = None
    states: tuple[str, ...] = ()
    error: str | None = None  # a part of it, in whatever case
    tag: str | None = None
    older_than: timedelta | None = None
    younger_than: timedelta | None = None
    batch_id: UUID | None = None
    chain_id: UUID | None = None
    aggregate_id: UUID | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what stands behind `where`."""
        columns = ("name", "queue", "batch_id", "chain_id", "aggregate_id")
        said = {name: value for name in columns if (value := getattr(self, name)) is not None}
        wanted: list[ColumnElement[bool]] = [col(getattr(Job, name)) == value for name, value in said.items()]
        if self.states:
            wanted.append(in_states(self.states))
        if self.error is not None:
            wanted.append(col(Job.error).icontains(self.error, autoescape=True))
        if self.tag is not None:
            wanted.append(col(Job.tags).contains([self.tag]))
        return wanted + self._ages()

    def _ages(self) -> list[ColumnElement[bool]]:
        since = func.coalesce(col(Job.finished_at), col(Job.created_at))
        ages: list[ColumnElement[bool]] = []
        if self.older_than is not None:
            ages.append(since < now() - self.older_than)
        if self.younger_than is not None:
            ages.append(since >= now() - self.younger_than)
        return ages


def in_states(states: tuple[str, ...]) -> ColumnElement[bool]:
    """Name the states in the statement itself: to a parameter PostgreSQL offers no index of one state."""
    if len(states) == 1:
        return col(Job.state) == bindparam("state", states[0], literal_execute=True)
    return col(Job.state).in_(bindparam("states", states, expanding=True, literal_execute=True))


def page(session: Session, wanted: Wanted, before: UUID | None, limit: int) -> list[Job]:
    """Return the newest first; those before `before`."""
    return list(session.exec(_newest(select(Job), wanted.conditions(), before, limit)))


def ids(session: Session, wanted: Wanted, before: UUID | None = None, limit: int = AT_ONCE) -> list[UUID]:
    """Return the ids of a page."""
    return list(session.exec(_newest(select(Job.id), wanted.conditions(), before, limit)))


def count(session: Session, wanted: Wanted) -> int:
    return session.exec(select(func.count()).select_from(Job).where(*wanted.conditions())).one()


def to_retry(session: Session, batch_id: UUID, before: UUID | None = None, limit: int = AT_ONCE) -> list[UUID]:
    """Return a batch's members that did not succeed; of a chain only the link at which it stopped."""
    return list(session.exec(_newest(select(Job.id), _stopped(batch_id), before, limit)))


def _stopped(batch_id: UUID) -> list[ColumnElement[bool]]:
    before = aliased(Job)
    waits_for = select(before.id).where(
        col(before.chain_id) == col(Job.chain_id), col(before.link) < col(Job.link), col(before.state) != "succeeded"
    )
    return [col(Job.batch_id) == batch_id, in_states(("failed", "cancelled")), ~exists(waits_for)]


def _newest(statement: Statement, conditions: list[ColumnElement[bool]], before: UUID | None, limit: int) -> Statement:
    if before is not None:
        conditions = [*conditions, col(Job.id) < before]
    return statement.where(*conditions).order_by(col(Job.id).desc()).limit(limit)


@dataclass(frozen=True, slots=True)
class Whole:
    """A job with its attempts, the links of its chain and its batch."""

    job: Job
    links: list[Job]
    batch: Batch | None


_ONE = select(Job).options(
    joinedload(Job.chain),  # type: ignore[arg-type]  # to mypy a relationship is what it leads to
    joinedload(Job.attempts),  # type: ignore[arg-type]
)


def one(session: Session, job_id: UUID) -> Whole | None:
    job = session.exec(_ONE.where(Job.id == job_id)).unique().one_or_none()
    if job is None:
        return None
    batch = session.get(Batch, job.batch_id) if job.batch_id else None
    return Whole(job, _links(session, job.chain_id) if job.chain_id else [], batch)


def _links(session: Session, chain_id: UUID) -> list[Job]:
    return list(session.exec(select(Job).where(Job.chain_id == chain_id).order_by(col(Job.link))))
