"""An order's pieces: reserved for it, given back, or sold with it."""

from datetime import timedelta
from uuid import UUID

import psycopg

from services.worker import gate, stock
from services.worker.ending import ending_job
from services.worker.gateway import Gateway
from services.worker.orders import expire_order
from shared.clock import now
from shared.config import settings
from shared.db.sql import orders, products
from shared.db.transaction import Transaction
from shared.domain.errors import InsufficientStock
from shared.domain.inventory import RESERVE, SETTLE
from shared.domain.orders import OrderStatus
from shared.events.catalogue import StockReserved
from shared.events.record import record
from shared.events.snapshots import OrderSnapshot
from shared.jobs.job import Message, job
from shared.jobs.running import Running


@ending_job
def reject_unreserved_order(job: Running, order_id: UUID, gateway: Gateway) -> None:
    """Tell the customer that their order could not even begin: there is nothing to undo, but nobody shall wait."""
    gate.close(job, gateway, order_id, gate.NEVER_BEGUN)


def _never_begun(order_id: UUID, _error: str) -> Message:
    return reject_unreserved_order.message(order_id)


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10, failed=_never_begun)
def reserve_stock(job: Running, order_id: UUID) -> None:
    """Promise the order its pieces, all of them or none, until its reservation expires.

    The update asks nothing first: the database refuses to promise what is not there. So a popular product is locked for
    the time of one commit, not for that of a conversation.
    """
    try:
        with job.finishing() as tx:
            _reserve(job, tx, order_id)
    except psycopg.errors.CheckViolation as error:
        if not products.is_shortage(error):
            raise
        with job.finishing() as tx:
            _reject(job, tx, order_id)


@ending_job
def release_stock(job: Running, order_id: UUID, gateway: Gateway) -> None:
    """Undo `reserve_stock`, through the gate: as long as the card may have been charged nothing is released."""
    gate.close(job, gateway, order_id, gate.UNDO)


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10)
def settle_inventory(tx: Transaction, order_id: UUID) -> None:
    """The parcel has left: what was reserved is sold."""
    if order := orders.lock_to_settle(tx, order_id):
        stock.move(tx, order.items, SETTLE)


def _reserve(job: Running, tx: Transaction, order_id: UUID) -> None:
    order = orders.lock(tx, order_id)
    if not _is_wanted(job, order):
        return
    hold = settings().reservation_seconds
    reserved = orders.move(tx, order, OrderStatus.RESERVED, expires_at=now() + timedelta(seconds=hold))
    if reserved is None:  # a late duplicate: its pieces are reserved
        return
    record(tx, StockReserved(order=reserved))
    expire_order.dispatch(tx, order_id, delay=hold)
    stock.move(tx, order.items, RESERVE)


def _reject(job: Running, tx: Transaction, order_id: UUID) -> None:
    order = orders.lock(tx, order_id)
    if _is_wanted(job, order):
        gate.end(tx, order, gate.SHORTAGE)
        missing = products.short(tx, order.items)  # None: somebody has just given some back
        job.end_chain(str(InsufficientStock(missing or "of everything ordered")))


def _is_wanted(job: Running, order: OrderSnapshot) -> bool:
    """Ask the table; say why the check-out ends here. A requested cancellation is the cancelling job's to finish."""
    if order.status in (OrderStatus.PLACED, OrderStatus.RESERVED) and not order.cancel_requested_at:
        return True
    job.end_chain(f"too late: the order is {'being cancelled' if order.cancel_requested_at else order.status}")
    return False
