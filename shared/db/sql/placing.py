"""Placing an order in SQL: two trips to the database, whatever is ordered.

The first asks everything at once: is the session alive, is the key new, what do the products cost. The second writes
the order, its lines, the fact and the stored answer, and commits.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from shared.db.sql import idempotency, sessions
from shared.db.transaction import Transaction
from shared.events.snapshots import OrderLine, OrderSnapshot

PRODUCTS = "select id, slug, name_en, name_ar, price, currency from products where id = any(%s)"

#: An order and its lines. They come as JSON: an array for each column took the client longer than the rest together.
WRITE = """
with placed as (
    insert into orders (id, number, user_id, status, total, currency, payment_method, version, placed_at, updated_at)
    values (%(id)s, %(number)s, %(user_id)s, %(status)s, %(total)s, %(currency)s, %(payment_method)s, %(version)s,
            %(placed_at)s, %(placed_at)s)
)
insert into order_items (order_id, product_id, quantity, unit_price, slug, name_en, name_ar)
select %(id)s, line.*
from json_to_recordset(%(lines)s::json)
    as line (product_id uuid, quantity int, unit_price bigint, slug text, name_en text, name_ar text)
"""
_LINES = TypeAdapter(tuple[OrderLine, ...])


@dataclass(frozen=True, slots=True)
class Answers:
    """What the first trip brought back; None where there was nothing."""

    who: Any  # (user_id, role) while the session lives
    won: Any  # (number, placed_at) if the key is new
    products: dict[UUID, Any]


def ask(tx: Transaction, session_id: UUID, key: tuple[UUID, str, str], products: list[UUID]) -> Answers:
    """Make the first trip. key: (user_id, key, request_hash)."""
    run = tx.connection.execute  # all are sent before the first answer is awaited
    who = run(sessions.WHO, (session_id,))
    won = run(idempotency.WIN_AND_NUMBER, key)
    found = run(PRODUCTS, (products,))
    tx.pipeline.sync()
    return Answers(who.fetchone(), won.fetchone(), {row.id: row for row in found.fetchall()})


def write(tx: Transaction, order: OrderSnapshot) -> None:
    lines = _LINES.dump_json(order.items).decode()
    tx.execute(WRITE, {**order.__dict__, "status": order.status.value, "lines": lines})
