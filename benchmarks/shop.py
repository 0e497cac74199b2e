"""A shop to drain: customers, products that never run out, and orders placed as the API places them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from shared.db.engine import Connection
from shared.db.sql import placing
from shared.db.transaction import transaction
from shared.domain.orders import OrderStatus
from shared.events.catalogue import OrderPlaced
from shared.events.record import record
from shared.events.snapshots import OrderLine, OrderSnapshot
from shared.ids import new_id

PRODUCTS = 100  # as many as the peer has
CUSTOMERS = 50
AT_ONCE = 50  # orders in a transaction, where only their being there matters

USER = """
insert into users (id, email, name, phone, locale, password_hash)
values (%s, %s, 'ليلى', %s, %s, '') returning id
"""
PRODUCT = """
insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand)
values (%s, %s, %s, 'مكتب خشب جوز', %s, 'EGP', 100000000, 100000000)
returning id, slug, name_en, name_ar, price
"""


class Shop:
    """Two lines an order, as in the peer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count(1000)
        with transaction(connection) as tx:
            self._customers = [
                tx.one(USER, (new_id(), f"{n}@example.com", f"+2010{n:08}", "ar" if n % 2 else "en")).id
                for n in range(CUSTOMERS)
            ]
            self._products = [
                tx.one(PRODUCT, (new_id(), f"walnut-desk-{n}", f"Walnut desk {n}", 1000 + n)) for n in range(PRODUCTS)
            ]

    def place(self, orders: int) -> list[UUID]:
        """Place so many at once."""
        placed: list[UUID] = []
        for _ in range(0, orders, AT_ONCE):
            with transaction(self._connection) as tx:
                for _ in range(min(AT_ONCE, orders - len(placed))):
                    order = self._order()
                    placing.write(tx, order)
                    record(tx, OrderPlaced(order=order))
                    placed.append(order.id)
        return placed

    def _order(self) -> OrderSnapshot:
        number = next(self._numbers)
        chosen = {number % PRODUCTS: 1, (number * 7 + 3) % PRODUCTS: 2}
        lines = tuple(_line(self._products[which], pieces) for which, pieces in chosen.items())
        return OrderSnapshot(
            id=new_id(),
            number=number,
            user_id=self._customers[number % CUSTOMERS],
            status=OrderStatus.PLACED,
            total=sum(line.quantity * line.unit_price for line in lines),
            currency="EGP",
            payment_method="pm_card_visa",
            version=1,
            placed_at=datetime.now(UTC),
            items=lines,
        )


def _line(product: Any, pieces: int) -> OrderLine:
    return OrderLine(
        product_id=product.id,
        slug=product.slug,
        name_en=product.name_en,
        name_ar=product.name_ar,
        quantity=pieces,
        unit_price=product.price,
    )
