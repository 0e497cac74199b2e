"""Orders in SQL: lock one whole, move it, know what it held."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.domain.orders import OrderStatus, check_move
from shared.events.snapshots import OrderLine, OrderSnapshot

_WHOLE = """
select o.id, o.number, o.user_id, o.status, o.reason, o.total, o.currency, o.payment_method, o.version, o.placed_at,
       o.expires_at, o.cancel_requested_at,
       (select json_agg(json_build_object('product_id', i.product_id, 'slug', i.slug, 'name_en', i.name_en,
               'name_ar', i.name_ar, 'quantity', i.quantity, 'unit_price', i.unit_price) order by i.product_id)
        from order_items i where i.order_id = o.id) as items
from orders o where o.id = %s
"""
READ = _WHOLE
LOCK = f"{_WHOLE} for no key update of o"

MOVE = """
update orders set status = %s, reason = coalesce(%s, reason), expires_at = coalesce(%s, expires_at),
                  version = version + 1, updated_at = clock_timestamp()
where id = %s
"""


class OrderNotFound(LookupError):
    """There is no such order."""


def lock(tx: Transaction, order_id: UUID) -> OrderSnapshot:
    """Return the order, locked until the transaction ends: every order job starts here."""
    return _snapshot(tx.one(LOCK, (order_id,)), order_id)


def read(tx: Transaction, order_id: UUID) -> OrderSnapshot:
    return _snapshot(tx.one(READ, (order_id,)), order_id)


def move(
    tx: Transaction,
    order: OrderSnapshot,
    to: OrderStatus,
    *,
    reason: str | None = None,
    expires_at: datetime | None = None,
) -> OrderSnapshot | None:
    """Move a locked order and return it as it now is, or None if it had moved already; raise IllegalMove."""
    if not check_move(order.status, to):
        return None
    tx.execute(MOVE, (to, reason, expires_at, order.id))
    return order.model_copy(
        update={
            "status": to,
            "reason": reason or order.reason,
            "expires_at": expires_at or order.expires_at,
            "version": order.version + 1,
        }
    )


def _snapshot(row: Any, order_id: UUID) -> OrderSnapshot:
    if row is None:
        raise OrderNotFound(str(order_id))
    # The row is our own: nothing to validate, and every order job passes here.
    lines = tuple(OrderLine.model_construct(**{**line, "product_id": UUID(line["product_id"])}) for line in row.items)
    return OrderSnapshot.model_construct(**{**row._asdict(), "status": OrderStatus(row.status), "items": lines})
