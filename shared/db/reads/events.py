"""Recorded events as they are read: the newest first, all of them or those of somebody's own orders and videos."""

from uuid import UUID

from sqlalchemy import union_all
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from shared.db.tables.events import EventRow
from shared.db.tables.notifications import NotificationRow
from shared.db.tables.orders import Order
from shared.db.tables.payments import Payment
from shared.db.tables.videos import Video

# What has no position is not handed on yet: whoever listens hears it in a moment.
_WHOLE = select(EventRow).where(col(EventRow.position).is_not(None)).order_by(col(EventRow.position).desc())


def page(session: Session, user_id: UUID | None, about: UUID | None, before: int | None, limit: int) -> list[EventRow]:
    """Return the newest first; those before `before`.

    user_id: of this user's orders and videos; None: of everything.
    about: of this order or video, with its payment and notifications.
    """
    statement = _WHOLE.limit(limit)
    if before is not None:
        statement = statement.where(col(EventRow.position) < before)
    if user_id is not None or about is not None:
        statement = statement.where(col(EventRow.aggregate_id).in_(_its(user_id, about)))
    return list(session.exec(statement))


def _its(user_id: UUID | None, about: UUID | None) -> SelectOfScalar[UUID]:
    """Select the ids of orders and videos, and of what belongs to them."""
    things = union_all(_of(Order, user_id, about), _of(Video, user_id, about)).cte("things")
    its = union_all(
        select(things.c.id),
        select(col(Payment.id)).join(things, things.c.id == col(Payment.order_id)),
        select(col(NotificationRow.id)).join(things, things.c.id == col(NotificationRow.aggregate_id)),
    ).subquery("its")
    return select(its.c.id)


def _of(table: type[Order] | type[Video], user_id: UUID | None, about: UUID | None) -> SelectOfScalar[UUID]:
    statement = select(col(table.id))
    if user_id is not None:
        statement = statement.where(col(table.user_id) == user_id)
    if about is not None:
        statement = statement.where(col(table.id) == about)
    return statement
