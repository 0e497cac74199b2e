"""A customer's inbox as it is read: the notifications that live in the database."""

from uuid import UUID

from sqlmodel import Session, col, select

from shared.db.tables.notifications import NotificationRow


def inbox(session: Session, user_id: UUID, before: UUID | None, limit: int) -> list[NotificationRow]:
    """Return the newest first; those before `before`."""
    statement = (
        select(NotificationRow)
        .where(NotificationRow.user_id == user_id, NotificationRow.channel == "database")
        .order_by(col(NotificationRow.id).desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(NotificationRow.id < before)
    return list(session.exec(statement))
