"""The one gate through which an order ends early: cancelled, expired, or undone – with no money kept, ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.worker import stock
from services.worker.gateway import Gateway, Intent, Outcome, Refund, RefundFailed
from shared.db.sql import orders, payments
from shared.db.sql.payments import Payment
from shared.db.transaction import Transaction
from shared.domain.closing import NextStep, next_step
from shared.domain.errors import InsufficientStock
from shared.domain.inventory import RELEASE
from shared.domain.orders import CANCELLABLE, HOLDS_STOCK, OrderStatus
from shared.domain.payments import WITHOUT_MONEY, PaymentStatus
from shared.events.catalogue import OrderCancelled, OrderEvent, OrderExpired, OrderRejected, PaymentRefunded
from shared.events.record import record
from shared.events.snapshots import OrderSnapshot
from shared.jobs.outcomes import Release
from shared.jobs.running import Running

log = structlog.get_logger()

FACTS: dict[OrderStatus, type[OrderEvent]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.EXPIRED: OrderExpired,
    OrderStatus.REJECTED: OrderRejected,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """As what an order is to end, and why."""

    to: OrderStatus
    reason: str


BY_CUSTOMER = Ending(OrderStatus.CANCELLED, "cancelled_by_customer")
EXPIRY = Ending(OrderStatus.EXPIRED, "not_paid_in_time")
UNDO = Ending(OrderStatus.REJECTED, "payment_unavailable")
NEVER_BEGUN = Ending(OrderStatus.REJECTED, "could_not_be_processed")
DECLINE = Ending(OrderStatus.REJECTED, "card_declined")
SHORTAGE = Ending(OrderStatus.REJECTED, InsufficientStock.code)

LONGEST_PAUSE = 600.0  # seconds between two questions to a gateway that is still at work

#: What the gateway said to the last step: how the intent stands, or the refund.
Answer = Intent | Refund | None


def undecided(job: Running, intent: Intent) -> Release:
    """Return the wait for a bank that thinks: the longer it takes, the less often it is asked."""
    return Release(pause(job), f"the payment is {intent.outcome}: nothing moves while its outcome is unknown")


def call_about_doubt(order_id: UUID) -> None:
    """Call operators, once for each doubt: an earlier attempt asked the gateway, and its answer never came."""
    log.error("the outcome of a payment is unknown", alert="payment_unknown", order=str(order_id))


def pause(job: Running) -> float:
    """Return the seconds until the next question: 2, 4, 8, … up to ten minutes."""
    return min(2.0 ** min(job.attempt, 10), LONGEST_PAUSE)


def close(job: Running, gateway: Gateway, order_id: UUID, ending: Ending) -> None:
    """End the order, step by step; each step is written down before the gateway is asked.

    Only the gateway knows whether a card was charged, so it is asked to cancel the intent: once cancelled it can never
    be charged, and if it was charged the money goes back before the stock does. Safe to run twice, or at once.
    """
    answer: Answer = None
    while True:
        with job.transaction() as tx:
            order, payment = payments.lock(tx, order_id)
            doubted = bool(answer is None and payment and payments.unanswered(tx, payment, "cancelling"))
            step, payment = _advance(tx, (order, payment), answer, ending)
        if doubted:
            call_about_doubt(order_id)
        if payment is None or step not in (NextStep.CANCEL_INTENT, NextStep.REFUND):
            return
        if isinstance(answer, Refund) and not answer.done:
            raise Release(pause(job), "the bank has not taken the money back yet")
        answer = _ask(gateway, step, payment)
        if isinstance(answer, Intent) and answer.outcome not in (Outcome.CANCELED, Outcome.SUCCEEDED):
            raise undecided(job, answer)


def end(tx: Transaction, order: OrderSnapshot, ending: Ending) -> OrderSnapshot:
    """End a locked order: move it, say so, give back its stock."""
    ended = orders.move(tx, order, ending.to, reason=ending.reason)
    if ended is None:
        return order
    record(tx, FACTS[ending.to](order=ended))
    if order.status in HOLDS_STOCK:
        stock.move(tx, order.items, RELEASE)
    return ended


def _advance(
    tx: Transaction, locked: tuple[OrderSnapshot, Payment | None], answer: Answer, ending: Ending
) -> tuple[NextStep, Payment | None]:
    """Write down what the gateway answered, and what it is asked next; close the order when nothing is left to ask."""
    order, payment = locked
    if order.cancel_requested_at and order.status in CANCELLABLE:
        ending = BY_CUSTOMER
    known = payment = _learn(tx, payment, answer) if payment else None
    step = next_step(
        order.status, ending.to, payment.status if payment else None, has_intent=bool(payment and payment.intent_id)
    )
    if payment and step is NextStep.CANCEL_INTENT:
        payments.doubt(tx, payment, "cancelling")
    elif payment and step is NextStep.REFUND and payment.status is PaymentStatus.SUCCEEDED:
        payment = payments.begin_refund(tx, payment)
    elif step is NextStep.CLOSE:
        if payment and payment.status not in WITHOUT_MONEY:  # never shown to the gateway
            payment = payments.move(tx, payment, PaymentStatus.CANCELED)
        order = end(tx, order, ending)
    if known and locked[1] and (locked[1].status, known.status) == (PaymentStatus.REFUNDING, PaymentStatus.REFUNDED):
        record(tx, PaymentRefunded(order=order, amount=known.amount))
    return step, payment


def _learn(tx: Transaction, payment: Payment, answer: Answer) -> Payment:
    """Move the payment to what the gateway said; somebody else may have heard it first."""
    if isinstance(answer, Intent) and payment.status is PaymentStatus.PENDING:
        if answer.outcome is Outcome.CANCELED:
            return payments.move(tx, payment, PaymentStatus.CANCELED, reason=answer.decline)
        # It was too late to cancel it: the money goes back.
        return payments.begin_refund(tx, payments.move(tx, payment, PaymentStatus.SUCCEEDED))
    if isinstance(answer, Refund) and payment.status is PaymentStatus.REFUNDING:
        keep = payments.end_refund if answer.done else payments.hold_refund
        return keep(tx, payment, answer.id)
    return payment


def _ask(gateway: Gateway, step: NextStep, payment: Payment) -> Answer:
    """Outside any transaction: this may take seconds, or the answer may never come."""
    intent_id = payment.intent_id or ""
    if step is NextStep.CANCEL_INTENT:
        return gateway.cancel(intent_id)
    with calling_about_refund(payment):
        known = gateway.refund_of(intent_id) if payment.gateway_refund else None
        return known or gateway.refund(intent_id, payment.amount, f"refund:{payment.refund_id}")


@contextmanager
def calling_about_refund(payment: Payment) -> Iterator[None]:
    """Call operators when the bank does not take the money back: trying again would not help."""
    try:
        yield
    except RefundFailed as failed:
        order, error = str(payment.order_id), str(failed)
        log.error("a refund failed", alert="refund_failed", order=order, payment=str(payment.id), error=error)  # noqa: TRY400 - raised too
        raise
