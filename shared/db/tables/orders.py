"""Orders, their lines, and the stored first answers to `POST /orders`."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Text, text
from sqlmodel import Field, Relationship

from shared.db.tables.base import READ, UUID, Any, Table, amount, count, datetime, json, key, moment, reference, words
from shared.db.tables.payments import Payment


class Order(Table, table=True):
    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(
            "status in ('placed', 'reserved', 'confirmed', 'shipped', 'rejected', 'cancelled', 'expired')",
            name="orders_status",
        ),
        Index("orders_of_user", "user_id", text("id desc")),
        Index("orders_unsettled", "id", postgresql_where=text("status = 'shipped' and settled_at is null")),
        Index("orders_open", "updated_at", postgresql_where=text("status in ('placed', 'reserved')")),
    )

    id: UUID = key()
    number: int = Field(default=None, sa_column=Column(BigInteger, Identity(start=1001), nullable=False, unique=True))
    user_id: UUID = reference("users.id")
    status: str = words("placed")
    reason: str | None = words(nullable=True)  # why it was rejected or cancelled: card_declined, out_of_stock, …
    total: int = amount()
    currency: str = words()
    payment_method: str = words()
    version: int = count(1)  # grows with every move; an event says which version it saw
    placed_at: datetime = moment(default=True)
    updated_at: datetime = moment(default=True)
    expires_at: datetime | None = moment()  # until when its stock is reserved
    cancel_requested_at: datetime | None = moment()
    settled_at: datetime | None = moment()  # its reserved pieces became sold

    items: list["OrderItem"] = Relationship(sa_relationship_kwargs=READ | {"order_by": "OrderItem.product_id"})
    payment: Payment | None = Relationship(sa_relationship_kwargs=READ | {"uselist": False})


class OrderItem(Table, table=True):
    """A line: so many pieces of one product, with the price and the names of that day."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity between 1 and 1000", name="order_items_quantity"),)

    order_id: UUID = Field(foreign_key="orders.id", primary_key=True)
    product_id: UUID = Field(foreign_key="products.id", primary_key=True)
    quantity: int
    unit_price: int = amount()
    slug: str = words()
    name_en: str = words()
    name_ar: str = words()


class IdempotencyKey(Table, table=True):
    __tablename__ = "idempotency_keys"

    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    request_hash: str = words()
    answer: Any = json(nullable=True)
    created_at: datetime = moment(default=True, index=True)
