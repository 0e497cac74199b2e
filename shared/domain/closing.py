"""How an order is ended that may have been paid: what the gate does next, decided from the two states alone."""

from enum import StrEnum

from shared.domain.orders import MOVES, OrderStatus
from shared.domain.payments import PaymentStatus


class NextStep(StrEnum):
    NOTHING = "nothing"  # it has ended already, or may not end so any more
    CANCEL_INTENT = "cancel the intent"  # the gateway decides whether it was charged
    REFUND = "refund"
    CLOSE = "close"  # no money is with us: release the stock and end the order


def next_step(order: OrderStatus, to: OrderStatus, payment: PaymentStatus | None, *, has_intent: bool) -> NextStep:
    """Return what brings `order` nearer to `to`; asked again after every answer.

    has_intent: whether the gateway may know of the payment. Without one nothing can have been charged.
    """
    if to not in MOVES[order]:
        return NextStep.NOTHING
    if payment is PaymentStatus.PENDING and has_intent:
        return NextStep.CANCEL_INTENT
    if payment is PaymentStatus.SUCCEEDED and to is OrderStatus.EXPIRED:
        return NextStep.NOTHING  # a paid order does not expire: its chain confirms it, or undoes it
    if payment in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDING):
        return NextStep.REFUND
    return NextStep.CLOSE
