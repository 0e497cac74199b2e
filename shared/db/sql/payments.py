"""Payments and refunds in SQL. Whoever writes a payment holds the lock of its order: that one lock guards both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from shared.db.sql import orders
from shared.db.transaction import Transaction
from shared.domain.payments import PaymentStatus, check_move
from shared.events.snapshots import OrderSnapshot
from shared.ids import new_id

_READ = """
select p.id, p.order_id, p.amount, p.currency, p.status, p.intent_id, p.doubt, p.reason, r.id as refund_id,
       r.gateway_id as gateway_refund
from payments p left join refunds r on r.payment_id = p.id
"""
OF_ORDER = f"{_READ} where p.order_id = %s"
BY_ID = f"{_READ} where p.id = %s"

INSERT = "insert into payments (id, order_id, amount, currency) values (%s, %s, %s, %s)"
HOLD_INTENT = """
update payments set intent_id = %s, doubt = coalesce(doubt, 'confirming'),
                    updated_at = case when doubt is null then clock_timestamp() else updated_at end
where id = %s
"""
# A doubt keeps its first moment, however often the gateway is asked: the books tell how long it lasts.
DOUBT = """
update payments set doubt = case when doubt = 'unknown' then doubt else %s end,
                    updated_at = case when doubt is null then clock_timestamp() else updated_at end
where id = %s
"""
MOVE = """
update payments set status = %s, reason = coalesce(%s, reason), doubt = null, updated_at = clock_timestamp()
where id = %s
"""
BEGIN_REFUND = "insert into refunds (id, payment_id, amount, currency) values (%s, %s, %s, %s)"
REFUND_ACCEPTED = "update refunds set gateway_id = %s, updated_at = clock_timestamp() where payment_id = %s"
REFUNDED = """
update refunds set status = 'succeeded', gateway_id = %s, updated_at = clock_timestamp() where payment_id = %s
"""
# After a restored backup a payment may not know its intent yet: whoever charges it will find it, and keep it.
OWNED = """
select p.intent_id from payments p join orders o on o.id = p.order_id
where p.intent_id = any(%(intents)s)
  and (p.status in ('pending', 'refunding', 'refunded')
       or p.status = 'succeeded' and o.status in ('reserved', 'confirmed', 'shipped'))
union all
select asked.intent_id from unnest(%(intents)s::text[], %(payments)s::uuid[]) as asked(intent_id, payment_id)
join payments p on p.id = asked.payment_id where p.intent_id is null and p.status = 'pending'
"""

UNKNOWN = "unknown"  # a doubt that operators were told of


@dataclass(frozen=True, slots=True)
class Payment:
    id: UUID
    order_id: UUID
    amount: int
    currency: str
    status: PaymentStatus
    intent_id: str | None = None
    doubt: str | None = None
    reason: str | None = None
    refund_id: UUID | None = None
    gateway_refund: str | None = None  # the gateway has accepted it


def lock(tx: Transaction, order_id: UUID) -> tuple[OrderSnapshot, Payment | None]:
    """Return the order, locked, and its payment, in one round trip.

    The payment is read by a statement of its own: one that waited for the lock would show it as it was before.
    """
    locked = tx.connection.execute(orders.LOCK, (order_id,))
    row = tx.one(OF_ORDER, (order_id,))
    return orders.snapshot(locked.fetchone(), order_id), _payment(row)


def find(tx: Transaction, payment_id: UUID) -> Payment | None:
    return _payment(tx.one(BY_ID, (payment_id,)))


def insert(tx: Transaction, order: OrderSnapshot) -> Payment:
    """Begin the payment of a locked order that has none; its id names it to the gateway for ever."""
    payment_id = new_id()
    tx.execute(INSERT, (payment_id, order.id, order.total, order.currency))
    return Payment(payment_id, order.id, order.total, order.currency, PaymentStatus.PENDING)


def hold_intent(tx: Transaction, payment: Payment, intent_id: str) -> None:
    """Write down the one intent that may be confirmed, and that its outcome is unknown from now on."""
    tx.execute(HOLD_INTENT, (intent_id, payment.id))


def unanswered(tx: Transaction, payment: Payment, asked: str) -> bool:
    """Write down that an earlier attempt asked and heard nothing; False if that is not so, or was written before."""
    if payment.status is not PaymentStatus.PENDING or payment.doubt != asked:
        return False
    doubt(tx, payment, UNKNOWN)
    return True


def doubt(tx: Transaction, payment: Payment, why: str) -> None:
    """Write down that the gateway is being asked and has not answered."""
    tx.execute(DOUBT, (why, payment.id))


def move(tx: Transaction, payment: Payment, to: PaymentStatus, *, reason: str | None = None) -> Payment:
    """Move the payment of a locked order and return it as it now is; raise IllegalMove."""
    if check_move(payment.status, to):
        tx.execute(MOVE, (to, reason, payment.id))
    return replace(payment, status=to, reason=reason or payment.reason, doubt=None)


def begin_refund(tx: Transaction, payment: Payment) -> Payment:
    """Say that the money goes back, before the gateway is asked: the refund's id is the key it is asked with."""
    refund_id = new_id()
    tx.execute(BEGIN_REFUND, (refund_id, payment.id, payment.amount, payment.currency))
    return replace(move(tx, payment, PaymentStatus.REFUNDING), refund_id=refund_id)


def hold_refund(tx: Transaction, payment: Payment, gateway_id: str) -> Payment:
    """Write down that the gateway has accepted the refund, and the bank has not taken it yet."""
    tx.execute(REFUND_ACCEPTED, (gateway_id, payment.id))
    return replace(payment, gateway_refund=gateway_id)


def end_refund(tx: Transaction, payment: Payment, gateway_id: str) -> Payment:
    tx.execute(REFUNDED, (gateway_id, payment.id))
    return move(tx, payment, PaymentStatus.REFUNDED)


def owned(tx: Transaction, made_for: Mapping[str, UUID]) -> frozenset[str]:
    """Return those intents whose money belongs to a live order, or is on its way back.

    made_for: the payment that each says it is of.
    """
    asked = {"intents": list(made_for), "payments": list(made_for.values())}
    return frozenset(row.intent_id for row in tx.all(OWNED, asked))


def _payment(row: Any) -> Payment | None:
    return Payment(**{**row._asdict(), "status": PaymentStatus(row.status)}) if row else None
