"""Videos as they are read."""

from uuid import UUID

from sqlmodel import Session, bindparam, col, select

from shared.db.tables.videos import Video

_ALIVE = select(Video).where(col(Video.deleted_at).is_(None))
ONE = _ALIVE.where(col(Video.id) == bindparam("video"))
OWNER = select(Video.user_id).where(col(Video.id) == bindparam("video"))


def one(session: Session, video_id: UUID) -> Video | None:
    return session.exec(ONE, params={"video": video_id}).one_or_none()


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
