"""Products in SQL: their pieces move by the table in shared/domain/inventory.py, all lines of an order or none."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared.db.transaction import Transaction
from shared.domain.inventory import StockMove
from shared.events.snapshots import OrderLine

#: The constraint by which the database refuses to promise, or sell, what is not there.
NOT_ENOUGH = "products_reserved"

# In the order of their ids, so that two orders of the same two products wait for each other and never both.
LOCK = "select 1 from products where id = any(%(ids)s) order by id for no key update"

MOVE = """
update products set on_hand = on_hand + line.quantity * %(on_hand)s, reserved = reserved + line.quantity * %(reserved)s,
                    sold = sold + line.quantity * %(sold)s
from unnest(%(ids)s::uuid[], %(quantities)s::int[]) as line(id, quantity) where products.id = line.id
"""

SHORT = """
select p.slug from products p join unnest(%(ids)s::uuid[], %(quantities)s::int[]) as line(id, quantity) using (id)
where p.reserved + line.quantity > p.on_hand order by p.id limit 1
"""

AVAILABLE = "select id, on_hand - reserved as available from products where id = any(%s)"


def move(tx: Transaction, lines: Sequence[OrderLine], step: StockMove) -> None:
    """Move the pieces of all lines. Only sent: where there is not enough, the next answer or the commit raises.

    See `is_shortage`. Send it late in the transaction: many orders may wait for the rows it locks.
    """
    parameters = _parameters(lines)
    tx.execute(LOCK, parameters)
    moves = {"on_hand": step.on_hand, "reserved": step.reserved, "sold": step.sold}
    tx.execute(MOVE, {**parameters, **moves})


def is_shortage(error: psycopg.errors.CheckViolation) -> bool:
    return error.diag.constraint_name == NOT_ENOUGH


def short(tx: Transaction, lines: Sequence[OrderLine]) -> str | None:
    """Return the slug of the first product of which there is not enough now, or None."""
    row = tx.one(SHORT, _parameters(lines))
    return row.slug if row else None


def _parameters(lines: Sequence[OrderLine]) -> dict[str, Any]:
    ids: list[UUID] = [line.product_id for line in lines]
    return {"ids": ids, "quantities": [line.quantity for line in lines]}
