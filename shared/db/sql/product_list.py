"""The catalogue in SQL: how a product comes into it."""

from typing import Any

from shared.db.transaction import Transaction

SLUGS = "select slug from products"
INSERT = """
insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand)
values (%(id)s, %(slug)s, %(name_en)s, %(name_ar)s, %(price)s, %(currency)s, %(received)s, %(received)s)
"""


def slugs(tx: Transaction) -> set[str]:
    return {row.slug for row in tx.all(SLUGS)}


def insert(tx: Transaction, product: dict[str, Any]) -> None:
    """Add a product; what was received is what is on hand."""
    tx.execute(INSERT, product)
