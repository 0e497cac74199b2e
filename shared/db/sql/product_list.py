"""The catalogue in SQL: how a product comes into it, and who has not heard of it."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.events.snapshots import ProductSnapshot

SLUGS = "select slug from products"
INSERT = """
insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand)
values (%(id)s, %(slug)s, %(name_en)s, %(name_ar)s, %(price)s, %(currency)s, %(received)s, %(received)s)
"""
COLUMNS = ", ".join(ProductSnapshot.model_fields)
SLUG = "select slug from products where id = %s"
LOCK = f"select {COLUMNS} from products where id = %s for no key update"
#: Without a picture, and no fact tells of them: just inserted, or by a version that recorded no such fact.
UNTOLD = f"""
select {COLUMNS} from products p
where slug = any(%s) and not exists (select from product_pictures where product_id = p.id)
      and not exists (select from events where aggregate_id = p.id and name = 'ProductAdded')
order by id for no key update
"""


def slugs(tx: Transaction) -> set[str]:
    return {row.slug for row in tx.all(SLUGS)}


def insert(tx: Transaction, product: dict[str, Any]) -> None:
    """Add a product; what was received is what is on hand."""
    tx.execute(INSERT, product)


def slug(tx: Transaction, product_id: UUID) -> str:
    return str(tx.one(SLUG, (product_id,)).slug)


def lock(tx: Transaction, product_id: UUID) -> ProductSnapshot:
    return _snapshot(tx.one(LOCK, (product_id,)))


def untold(tx: Transaction, among: Collection[str]) -> list[ProductSnapshot]:
    """Lock and return the products, of those with these slugs, that nobody has heard of."""
    return [_snapshot(row) for row in tx.all(UNTOLD, (list(among),))]


def _snapshot(row: Any) -> ProductSnapshot:
    return ProductSnapshot.model_validate(row._asdict())
