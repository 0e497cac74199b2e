"""What was charged and refunded; their ids are the keys the gateway knows the money by."""

from sqlalchemy import CheckConstraint, Index, text

from shared.db.tables.base import UUID, Table, amount, datetime, key, moment, reference, words


class Payment(Table, table=True):
    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(
            "status in ('pending', 'succeeded', 'declined', 'canceled', 'refunding', 'refunded')",
            name="payments_status",
        ),
        Index("payments_of_order", "order_id", unique=True),
        Index("payments_of_intent", "intent_id", unique=True),
        Index("payments_pending", "updated_at", postgresql_where=text("status = 'pending'")),
    )

    id: UUID = key()
    order_id: UUID = reference("orders.id")
    amount: int = amount()
    currency: str = words()
    status: str = words("pending")
    intent_id: str | None = words(nullable=True)  # the gateway's PaymentIntent
    reason: str | None = words(nullable=True)  # why it was declined
    doubt: str | None = words(nullable=True)  # set before asking, cleared by an answer: the outcome is unknown
    created_at: datetime = moment(default=True)
    updated_at: datetime = moment(default=True)


class Refund(Table, table=True):
    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("status in ('pending', 'succeeded')", name="refunds_status"),
        Index("refunds_of_payment", "payment_id", unique=True),
    )

    id: UUID = key()
    payment_id: UUID = reference("payments.id")
    amount: int = amount()
    currency: str = words()
    status: str = words("pending")
    gateway_id: str | None = words(nullable=True)
    created_at: datetime = moment(default=True)
    updated_at: datetime = moment(default=True)
