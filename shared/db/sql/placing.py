"""Placing an order in SQL: two trips to the database, whatever is ordered.

The first asks everything at once: is the session alive, is the key new, what do the products cost. The second writes
the order, its lines, the fact and the stored answer, and commits.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.db.sql import idempotency, sessions
from shared.db.transaction import Transaction
from shared.events.snapshots import OrderSnapshot

#: How long to wait for another request with the same key; less than a transaction may last.
PATIENCE = "set local lock_timeout = '3s'"
PRODUCTS = "select id, slug, name_en, name_ar, price, currency from products where id = any(%s)"

ORDER = """
insert into orders (id, number, user_id, status, total, currency, payment_method, version, placed_at, updated_at)
values (%(id)s, %(number)s, %(user_id)s, %(status)s, %(total)s, %(currency)s, %(payment_method)s, %(version)s,
        %(placed_at)s, %(placed_at)s)
"""
LINES = """
insert into order_items (order_id, product_id, quantity, unit_price, slug, name_en, name_ar)
select %s, * from unnest(%s::uuid[], %s::int[], %s::bigint[], %s::text[], %s::text[], %s::text[])
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the first trip brought back; None where there was nothing."""

    who: Any  # (user_id, role) while the session lives
    won: Any  # (number, placed_at) if the key is new
    products: dict[UUID, Any]


def ask(tx: Transaction, session_id: UUID, key: tuple[UUID, str, str], products: list[UUID]) -> Answers:
    """Make the first trip. key: (user_id, key, request_hash)."""
    run = tx.connection.execute  # all are sent before the first answer is awaited
    run(PATIENCE)
    who = run(sessions.WHO, (session_id,))
    won = run(idempotency.WIN_AND_NUMBER, key)
    found = run(PRODUCTS, (products,))
    tx.pipeline.sync()
    return Answers(who.fetchone(), won.fetchone(), {row.id: row for row in found.fetchall()})


def write(tx: Transaction, order: OrderSnapshot) -> None:
    tx.execute(ORDER, {**order.__dict__, "status": order.status.value})
    lines = order.items
    tx.execute(
        LINES,
        (
            order.id,
            [line.product_id for line in lines],
            [line.quantity for line in lines],
            [line.unit_price for line in lines],
            [line.slug for line in lines],
            [line.name_en for line in lines],
            [line.name_ar for line in lines],
        ),
    )
