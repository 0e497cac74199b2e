"""What operators did, as it is read."""

from sqlmodel import Session, col, select

from shared.db.tables.jobs import AuditRow
from shared.db.tables.users import User

# Who did it comes along by name.
_WHOLE = (
    select(AuditRow, col(User.name)).join(User, col(User.id) == col(AuditRow.user_id)).order_by(col(AuditRow.id).desc())
)


def page(session: Session, before: int | None, limit: int) -> list[tuple[AuditRow, str]]:
    """Return the newest first; those before `before`."""
    statement = _WHOLE.limit(limit)
    if before is not None:
        statement = statement.where(col(AuditRow.id) < before)
    return list(session.exec(statement))
