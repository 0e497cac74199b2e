"""Who is signed in, as it is read."""

from typing import Any
from uuid import UUID

from sqlmodel import Session, bindparam, col, func, select
from sqlmodel.sql.expression import Select

from shared.db.tables.users import Session as SessionRow
from shared.db.tables.users import User

#: As `shared.db.sql.sessions.WHO`, which writes ask in their own transaction.
WHO: Select[UUID, str] = (
    select(col(User.id).label("user_id"), col(User.role))
    .join(SessionRow, col(SessionRow.user_id) == col(User.id))
    .where(
        col(SessionRow.id) == bindparam("session"),
        col(SessionRow.revoked_at).is_(None),
        col(SessionRow.expires_at) > func.clock_timestamp(),
    )
)


def who(session: Session, session_id: UUID) -> Any:
    """Return (user_id, role), or None if the session has ended."""
    return session.exec(WHO, params={"session": session_id}).one_or_none()


def by_id(session: Session, user_id: UUID) -> User | None:
    return session.get(User, user_id)
