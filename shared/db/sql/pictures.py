"""Products' pictures in SQL: a row for each size that is made."""

from uuid import UUID

from shared.db.transaction import Transaction
from shared.domain.pictures import PictureSize

KEEP = """
insert into product_pictures (product_id, size, path, width, height)
values (%(product)s, %(size)s, %(path)s, %(pixels)s, %(pixels)s)
on conflict (product_id, size) do update
set path = excluded.path, width = excluded.width, height = excluded.height, made_at = clock_timestamp()
"""
MADE = "select size, path from product_pictures where product_id = %s order by width"


def keep(tx: Transaction, product_id: UUID, size: PictureSize, path: str, pixels: int) -> None:
    """Write down that a picture lies there, for the first time or again."""
    tx.execute(KEEP, {"product": product_id, "size": size.value, "path": path, "pixels": pixels})


def made(tx: Transaction, product_id: UUID) -> dict[str, str]:
    """Return the paths of a product's pictures by their sizes, the smallest first."""
    return {row.size: row.path for row in tx.all(MADE, (product_id,))}
