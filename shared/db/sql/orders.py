"""Orders in SQL: lock one whole, move it, know what it held."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.domain.orders import OrderStatus, check_move, check_shipment
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

SETTLE = """
update orders set settled_at = clock_timestamp(), updated_at = clock_timestamp()
where id = %s and status = 'shipped' and settled_at is null returning id
"""


class OrderNotFound(LookupError):
    """There is no such order."""


def lock(tx: Transaction, order_id: UUID) -> OrderSnapshot:
    """Return the order, locked until the transaction ends: every order job starts here."""
    return snapshot(tx.one(LOCK, (order_id,)), order_id)


def read(tx: Transaction, order_id: UUID) -> OrderSnapshot:
    return snapshot(tx.one(READ, (order_id,)), order_id)


def move(
    tx: Transaction,
    order: OrderSnapshot,
    to: OrderStatus,
    *,
    reason: str | None = None,
    expires_at: datetime | None = None,
) -> OrderSnapshot | None:
    """Move a locked order and return it as it now is, or None if it had moved already; raise IllegalMove."""
    if to is OrderStatus.SHIPPED:
        moves = check_shipment(order.status, cancel_requested=order.cancel_requested_at is not None)
    else:
        moves = check_move(order.status, to)
    if not moves:
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


def lock_to_settle(tx: Transaction, order_id: UUID) -> OrderSnapshot | None:
    """Mark a shipped order as settled and return it, locked; None if it was settled before, or is not shipped."""
    locked = tx.connection.execute(LOCK, (order_id,))
    marked = tx.one(SETTLE, (order_id,))  # sent with the lock, in one round trip
    order = snapshot(locked.fetchone(), order_id)
    return order if marked else None


def snapshot(row: Any, order_id: UUID) -> OrderSnapshot:
    """Return the order of a row of `LOCK` or `READ`; raise OrderNotFound for none."""
    if row is None:
        raise OrderNotFound(str(order_id))
    # The row is our own: nothing to validate, and every order job passes here.
    lines = tuple(OrderLine.model_construct(**{**line, "product_id": UUID(line["product_id"])}) for line in row.items)
    return OrderSnapshot.model_construct(**{**row._asdict(), "status": OrderStatus(row.status), "items": lines})
