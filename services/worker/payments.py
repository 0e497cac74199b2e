"""An order's money: charged once, whatever happens in between, and given back when the order does not come about."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from uuid import UUID

import structlog

from services.worker import gate
from services.worker.ending import PATIENT, ending_job
from services.worker.gateway import Charge, Gateway, Intent, Outcome, RefundFailed
from services.worker.stripe_gateway import StripeGateway
from shared.config import settings
from shared.db.sql import payments
from shared.db.sql.payments import Payment
from shared.db.transaction import Transaction
from shared.domain.orders import OrderStatus
from shared.domain.payments import PaymentStatus
from shared.events.snapshots import OrderSnapshot
from shared.jobs.collaborators import provide
from shared.jobs.job import job
from shared.jobs.outcomes import Fail, Release
from shared.jobs.running import Running

log = structlog.get_logger()

provide(Gateway, StripeGateway.from_settings)  # type: ignore[type-abstract]  # it is named, not made

RECENT = timedelta(hours=48)


@job(queue="orders", retry_until=timedelta(hours=24), backoff=(1, 5, 30), timeout=30)
def charge_payment(job: Running, order_id: UUID, gateway: Gateway) -> None:
    """Create the intent, write its id down, then confirm it: only an intent whose id is written down is ever charged.

    An attempt that got no answer fails; the next one finds the id and asks how it stands. A sleeper that confirms late
    is refused by the gateway, because by then the intent has succeeded or was cancelled.
    """
    charge, intent_id = _begin(job, order_id)
    if charge is None:
        return
    intent = gateway.retrieve(intent_id) if intent_id else gateway.create(charge)
    if intent.outcome is Outcome.UNASKED:
        # Cancelling it may be too late: a sleeper of ours has confirmed it meanwhile. The answer says so, and decides.
        ask = gateway.confirm if _may_confirm(job, order_id, intent) else gateway.cancel
        intent = ask(intent.id)
    _settle(job, gateway, order_id, intent)


@ending_job
def refund_payment(job: Running, order_id: UUID, gateway: Gateway) -> None:
    """Undo `charge_payment`, through the gate, which also does what `release_stock` would do next."""
    gate.close(job, gateway, order_id, gate.UNDO)


@job(queue="orders", retry_until=timedelta(hours=24), backoff=PATIENT, timeout=30, never_retry=(RefundFailed,))
def settle_from_gateway(job: Running, payment_id: UUID, gateway: Gateway) -> None:
    """The gateway reported something: how the intent stands now decides, so reports may come twice and in any order."""
    with job.transaction() as tx:
        payment = payments.find(tx, payment_id)
    if payment is None or payment.intent_id is None:
        return  # not ours, or not yet written down: `charge_payment` will ask
    if payment.status is PaymentStatus.REFUNDING:
        with suppress(Release):  # not yet: the job that began it goes on asking
            gate.close(job, gateway, payment.order_id, gate.EXPIRY)  # or cancelled, if that was asked for
        return
    if payment.status is PaymentStatus.REFUNDED:
        with gate.calling_about_refund(payment):  # a bank may change its mind for weeks
            gateway.refund_of(payment.intent_id)
        return
    intent = gateway.retrieve(payment.intent_id)
    if intent.outcome in (Outcome.DECLINED, Outcome.SUCCEEDED, Outcome.CANCELED):
        _settle(job, gateway, payment.order_id, intent)


@job(queue="orders", tries=5, backoff=(30, 120), timeout=120, unique=lambda: "once")
def refund_orphans(job: Running, gateway: Gateway) -> None:
    """Give back what was charged lately for no live order: after a restored backup, say.

    Of many nothing is given back, until a person has looked: a database that is empty, or the wrong one, owns nothing.
    """
    at_most = settings().refund_orphans_at_most
    orphans = list(islice(_orphans(job, gateway), at_most + 1))
    if len(orphans) > at_most:
        raise Fail(f"more than {at_most} charges of no live order: is this the right database? None was refunded")
    for orphan in orphans:
        log.warning("refunding a charge that no live order owns", alert="orphan_refunded", intent=orphan.id)
        gateway.refund(orphan.id, orphan.amount, f"refund:{orphan.id}")


def _orphans(job: Running, gateway: Gateway) -> Iterator[Intent]:
    """Return what was charged and not refunded, and belongs to no live order."""
    # The gateway is asked first: what it has charged by then was written down here before.
    charged = [
        intent
        for intent in gateway.recent(RECENT)
        # Another installation may share the account, a copy of this one for tests, say: its charges are its own.
        if intent.outcome is Outcome.SUCCEEDED and intent.payment_id and intent.shop == settings().public_url
    ]
    with job.transaction() as tx:
        owned = payments.owned(tx, {intent.id: intent.payment_id for intent in charged if intent.payment_id})
    return (intent for intent in charged if intent.id not in owned and not gateway.refunded(intent.id))


def _begin(job: Running, order_id: UUID) -> tuple[Charge | None, str | None]:
    """Return what is to be charged and the intent it already has; nothing if the order wants no money (any more)."""
    with job.transaction() as tx:
        order, payment = payments.lock(tx, order_id)
        doubted = bool(payment and payments.unanswered(tx, payment, "confirming"))
        why_not = _too_late(order, payment)
        if payment is None and why_not is None:
            payment = payments.insert(tx, order)
    if doubted:
        gate.call_about_doubt(order_id)
    if why_not is not None:
        _end_chain(job, why_not)
    if payment is None or why_not is not None or payment.status is PaymentStatus.SUCCEEDED:
        return None, None
    money = (payment.amount, payment.currency, order.payment_method)
    return Charge(payment.id, order_id, order.number, *money), payment.intent_id


def _may_confirm(job: Running, order_id: UUID, intent: Intent) -> bool:
    """Write the intent down, with a last look before the money moves: is the job still ours, the order still on?"""
    with job.transaction() as tx:
        order, payment = payments.lock(tx, order_id)
        if payment is None or payment.status is not PaymentStatus.PENDING or _too_late(order, payment):
            return False
        if payment.intent_id not in (None, intent.id):
            raise Release(1, f"another intent, {payment.intent_id}, is written down")
        payments.hold_intent(tx, payment, intent.id)
    return True


def _too_late(order: OrderSnapshot, payment: Payment | None) -> str | None:
    """Return why the order is not to be charged any more, or None."""
    if order.cancel_requested_at:
        return "too late: the order is being cancelled"
    if order.status is not OrderStatus.RESERVED:
        return f"too late: the order is {order.status}"
    if payment and payment.status not in (PaymentStatus.PENDING, PaymentStatus.SUCCEEDED):
        return f"too late: the payment is {payment.status}"
    return None


def _settle(job: Running, gateway: Gateway, order_id: UUID, intent: Intent) -> None:
    """Write down the outcome and all that follows from it, in the finishing transaction."""
    if intent.outcome is Outcome.DECLINED:  # nobody may try it again behind our back
        intent = replace(gateway.cancel(intent.id), decline=intent.decline)
    if intent.outcome not in (Outcome.SUCCEEDED, Outcome.CANCELED):
        raise gate.undecided(job, intent)
    with job.finishing() as tx:
        order, payment = payments.lock(tx, order_id)
        if payment and payment.status is PaymentStatus.PENDING and payment.intent_id in (None, intent.id):
            payment = _move(tx, order, payment, intent)
        if why := _why_it_ends(order, payment):
            job.end_chain(why)
        elif payment is None or payment.status is not PaymentStatus.SUCCEEDED:
            raise Release(1, "another intent is written down")


def _move(tx: Transaction, order: OrderSnapshot, payment: Payment, intent: Intent) -> Payment:
    """Move a pending payment to its outcome; a declined one takes its order with it."""
    if intent.outcome is Outcome.SUCCEEDED:
        return payments.move(tx, payment, PaymentStatus.SUCCEEDED)
    if intent.decline is None:
        return payments.move(tx, payment, PaymentStatus.CANCELED)
    declined = payments.move(tx, payment, PaymentStatus.DECLINED, reason=intent.decline)
    if order.status is OrderStatus.RESERVED and not order.cancel_requested_at:
        gate.end(tx, order, gate.DECLINE)
    return declined


def _why_it_ends(order: OrderSnapshot, payment: Payment | None) -> str | None:
    if payment and payment.status is PaymentStatus.DECLINED:
        return f"the card was declined: {payment.reason}"
    return _too_late(order, payment)


def _end_chain(job: Running, reason: str) -> None:
    with job.finishing():
        job.end_chain(reason)
