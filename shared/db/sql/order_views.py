"""Orders in SQL as the API shows them: with their lines and the state of their payment."""

from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction

_VIEW = """
select o.id, o.number, o.user_id, o.status, o.reason, o.total, o.currency, o.payment_method, o.version, o.placed_at,
       o.expires_at, o.cancel_requested_at, p.status as payment_status, p.reason as payment_reason,
       (select json_agg(json_build_object('product_id', i.product_id, 'slug', i.slug,
               'names', json_build_object('en', i.name_en, 'ar', i.name_ar),
               'quantity', i.quantity, 'unit_price', i.unit_price) order by i.product_id)
        from order_items i where i.order_id = o.id) as items
from orders o left join payments p on p.order_id = o.id
"""
ONE = f"{_VIEW} where o.id = %s"
_PAGE = "and (%(before)s::uuid is null or o.id < %(before)s) order by o.id desc limit %(limit)s"
OF_USER = f"{_VIEW} where o.user_id = %(user)s {_PAGE}"
OF_ALL = f"{_VIEW} where true {_PAGE}"


def one(tx: Transaction, order_id: UUID) -> Any:
    return tx.one(ONE, (order_id,))


def page(tx: Transaction, user_id: UUID | None, before: UUID | None, limit: int) -> list[Any]:
    """Return orders, the newest first: of one user, or (None) of all; those before `before`."""
    of_whom = OF_ALL if user_id is None else OF_USER
    return tx.all(of_whom, {"user": user_id, "before": before, "limit": limit})
