"""Move an order's pieces; everybody who looks at the shop sees how much is left."""

from collections.abc import Sequence
from functools import partial

from shared.broadcasting.signals import stock_changed
from shared.db.sql import products
from shared.db.transaction import Transaction
from shared.domain.inventory import StockMove
from shared.events.snapshots import OrderLine


def move(tx: Transaction, lines: Sequence[OrderLine], step: StockMove) -> None:
    """Move the pieces of all lines, see `products.move`; told when it is committed."""
    products.move(tx, lines, step)
    tx.afterwards(partial(stock_changed, [line.product_id for line in lines]))
