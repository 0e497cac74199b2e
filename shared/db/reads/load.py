"""What became of the orders of a load, as it is read."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import extract, func
from sqlmodel import Session, col, select

from shared.db.tables.events import EventRow
from shared.db.tables.orders import Order

PARTS = (0.5, 0.95, 0.99)


def statuses(session: Session, orders: Sequence[UUID]) -> dict[str, int]:
    """Return how many of these orders have which status."""
    status = col(Order.status)
    rows = session.exec(select(status, func.count()).where(col(Order.id).in_(orders)).group_by(status))
    return dict(rows.all())


def confirmed_after(session: Session, orders: Sequence[UUID]) -> dict[str, float] | None:
    """Return the percentiles of the seconds from placed to confirmed; None while none is confirmed."""
    took = extract("epoch", col(EventRow.occurred_at) - col(Order.placed_at))
    within = [func.percentile_cont(part).within_group(took) for part in PARTS]
    statement = (
        select(*within)
        .join(Order, col(Order.id) == col(EventRow.aggregate_id))
        .where(col(EventRow.aggregate_id).in_(orders), col(EventRow.name) == "OrderConfirmed")
    )
    row = session.execute(statement).one()
    return None if row[0] is None else dict(zip(("p50", "p95", "p99"), map(float, row), strict=True))
