"""What becomes of an order: confirmed, cancelled, expired, shipped."""

from uuid import UUID

from services.worker import gate
from services.worker.alerts import calls_operators
from services.worker.ending import ending_job
from services.worker.gateway import Gateway
from shared.config import settings
from shared.db.sql import orders, payments
from shared.db.transaction import Transaction
from shared.domain.orders import OrderStatus
from shared.domain.payments import PaymentStatus
from shared.events.catalogue import OrderConfirmed, OrderShipped
from shared.events.record import record
from shared.events.snapshots import OrderSnapshot
from shared.jobs.job import Message, job
from shared.jobs.running import Running


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10)
def confirm_order(job: Running, tx: Transaction, order_id: UUID) -> None:
    """The last link of the check-out: stock is reserved and the money is here."""
    order = _confirm_if_paid(tx, order_id)
    if order.status is not OrderStatus.CONFIRMED:
        job.end_chain(f"too late: the order is {'being cancelled' if order.cancel_requested_at else order.status}")


@ending_job
def cancel_order(job: Running, order_id: UUID, gateway: Gateway) -> None:
    """The customer asked for it: through the gate, wherever the order stands."""
    gate.close(job, gateway, order_id, gate.BY_CUSTOMER)


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10, failed=calls_operators("expire_order"))
def expire_order(tx: Transaction, order_id: UUID) -> None:
    """The reservation's time is up: most orders are paid by now; the others go through the gate."""
    if orders.read(tx, order_id).status is OrderStatus.RESERVED:
        expire_unpaid_order.dispatch(tx, order_id)


@ending_job
def expire_unpaid_order(job: Running, order_id: UUID, gateway: Gateway) -> None:
    """Through the gate; a paid order does not expire but is confirmed, whatever keeps its check-out from doing so."""
    gate.close(job, gateway, order_id, gate.EXPIRY)
    with job.finishing() as tx:
        _confirm_if_paid(tx, order_id)


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10)
def ship_order(tx: Transaction, order_id: UUID) -> None:
    """Stand in for the packing table, in the demo. What is no longer confirmed stays where it is."""
    order = orders.lock(tx, order_id)
    if order.status is not OrderStatus.CONFIRMED or order.cancel_requested_at:
        return
    if shipped := orders.move(tx, order, OrderStatus.SHIPPED):
        record(tx, OrderShipped(order=shipped))


def _confirm_if_paid(tx: Transaction, order_id: UUID) -> OrderSnapshot:
    """Confirm a reserved order whose money is here; return it as it then is, locked."""
    order, payment = payments.lock(tx, order_id)
    paid = payment is not None and payment.status is PaymentStatus.SUCCEEDED
    if order.status is not OrderStatus.RESERVED or not paid or order.cancel_requested_at:
        return order
    confirmed = orders.move(tx, order, OrderStatus.CONFIRMED)
    if confirmed is None:
        return order
    record(tx, OrderConfirmed(order=confirmed))
    return confirmed


def ship_in_demo(event: OrderConfirmed) -> list[Message]:
    """Listener: in the demo nobody sits at the packing table."""
    if not settings().in_demo:
        return []
    return [ship_order.message(event.order.id, delay=settings().demo_ships_after_seconds)]
