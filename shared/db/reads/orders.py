"""Orders as they are read: with their lines and their payment."""

from uuid import UUID

from sqlalchemy.orm import joinedload
from sqlmodel import Session, bindparam, col, select

from shared.db.tables.orders import Order

# A statement made once is not built anew for each request; all of an order comes with one statement, a row a line.
_WHOLE = select(Order).options(
    joinedload(Order.payment),  # type: ignore[arg-type]  # to mypy a relationship is what it leads to
    joinedload(Order.items),  # type: ignore[arg-type]
)
ONE = _WHOLE.where(col(Order.id) == bindparam("order"))
OWNER = select(Order.user_id).where(col(Order.id) == bindparam("order"))


def one(session: Session, order_id: UUID) -> Order | None:
    return session.exec(ONE, params={"order": order_id}).unique().one_or_none()


def owner(session: Session, order_id: UUID) -> UUID | None:
    """Return whose order it is; None if there is no such order."""
    return session.exec(OWNER, params={"order": order_id}).one_or_none()


def page(session: Session, user_id: UUID | None, before: UUID | None, limit: int) -> list[Order]:
    """Return orders, the newest first: of one user, or (None) of all; those before `before`."""
    statement = _WHOLE.order_by(col(Order.id).desc()).limit(limit)
    if user_id is not None:
        statement = statement.where(Order.user_id == user_id)
    if before is not None:
        statement = statement.where(Order.id < before)
    return list(session.exec(statement).unique())
