"""Videos as they are read."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, bindparam, col, func, select

from shared.db.tables.jobs import Job
from shared.db.tables.videos import Video

_ALIVE = select(Video).where(col(Video.deleted_at).is_(None))
ONE = _ALIVE.where(col(Video.id) == bindparam("video"))
IS_THERE = select(Video.id).where(col(Video.id) == bindparam("video"), col(Video.deleted_at).is_(None))
OWNER = select(Video.user_id).where(col(Video.id) == bindparam("video"))
#: `retrying` is stored nowhere: a job of this generation, which is the second argument of each, has failed and waits.
WAITING = (
    select(Job.aggregate_id, Job.failures, Job.available_at, Job.error)
    .join(Video, col(Video.id) == col(Job.aggregate_id))
    .where(
        col(Job.aggregate_id).in_(bindparam("videos", expanding=True)),
        col(Job.state) == bindparam("state", "scheduled", literal_execute=True),
        col(Job.failures) > 0,
        col(Job.args)[1] == func.to_jsonb(col(Video.generation), type_=JSONB),
    )
    .order_by(col(Job.available_at).desc())
)


class Waiting(NamedTuple):
    """A job of a video that is to be tried again."""

    failures: int
    available_at: datetime
    error: str | None


def one(session: Session, video_id: UUID) -> Video | None:
    return session.exec(ONE, params={"video": video_id}).one_or_none()


def is_there(session: Session, video_id: UUID) -> bool:
    return session.exec(IS_THERE, params={"video": video_id}).one_or_none() is not None


def owner(session: Session, video_id: UUID) -> UUID | None:
    """Return whose video it is, also of one that was deleted just now; None if there is no such video."""
    return session.exec(OWNER, params={"video": video_id}).one_or_none()


def page(session: Session, user_id: UUID | None, before: UUID | None, limit: int) -> list[Video]:
    """Return videos, the newest first: of one user, or (None) of all; those before `before`."""
    statement = _ALIVE.order_by(col(Video.id).desc()).limit(limit)
    if user_id is not None:
        statement = statement.where(Video.user_id == user_id)
    if before is not None:
        statement = statement.where(Video.id < before)
    return list(session.exec(statement))


def waiting(session: Session, video_ids: Collection[UUID]) -> dict[UUID, Waiting]:
    """Return of each video that waits for another attempt the job that comes first."""
    if not video_ids:
        return {}
    found = session.exec(WAITING, params={"videos": list(video_ids)})
    return {row[0]: Waiting(*row[1:]) for row in found if row[0]}
