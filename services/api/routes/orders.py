"""Reading orders, and what their owner and the operators may still do with them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from services.api.caller import Caller, CallerOf
from services.api.database import again
from services.api.middleware import note
from services.api.openapi import problems
from services.api.schemas.orders import Order, Orders
from services.api.schemas.timeline import Timeline
from services.api.views import order_of, timeline_of
from shared.clock import now
from shared.db.reads import orders, timeline
from shared.db.sql import cancelling, payments
from shared.db.sql import orders as orders_sql
from shared.db.tables.orders import Order as OrderRow
from shared.db.transaction import Transaction
from shared.domain.errors import IllegalMove
from shared.domain.orders import CANCELLABLE, OrderStatus
from shared.events.catalogue import OrderCancellationRequested, OrderShipped
from shared.events.record import record
from shared.events.snapshots import OrderSnapshot

router = APIRouter(tags=["orders"])

Cursor = Annotated[UUID | None, Query(description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=100)]


@router.get("/orders", responses=problems(401, 422))
def list_orders(caller: Caller, cursor: Cursor = None, limit: Limit = 20) -> Orders:
    """Return the newest orders first: a customer's own, an operator's all."""
    with caller.reading() as session:
        found = orders.page(session, caller.sees, cursor, limit + 1)
    page = [order_of(order, order.payment) for order in found[:limit]]
    return Orders(items=page, next_cursor=page[-1].id if len(found) > limit else None)


@router.get("/orders/{order_id}", responses=problems(401, 404, 422))
def show_order(order_id: UUID, caller: Caller) -> Order:
    """Return an order with its lines and the state of its payment."""
    note(order=str(order_id))
    with caller.reading() as session:
        order = _seen(session, order_id, caller)
    return order_of(order, order.payment)


@router.get("/orders/{order_id}/timeline", responses=problems(401, 404, 422))
def show_timeline(order_id: UUID, caller: Caller) -> Timeline:
    """Return all that happened to an order, all that is being done about it, and what the customer was told."""
    note(order=str(order_id))
    with caller.reading() as session:
        _seen(session, order_id, caller)
        told = timeline.whole(session, order_id)
    return timeline_of(told, operator=caller.is_operator)


@router.post("/orders/{order_id}/cancellation", status_code=202, responses=problems(401, 404, 409, 422))
@again
def cancel_order(order_id: UUID, caller: Caller) -> Order:
    """Ask for an order to be cancelled, before it is shipped; money that was taken is given back."""
    note(order=str(order_id))
    with caller.transaction() as tx:
        order, payment = payments.lock(tx, order_id)
        if caller.sees not in (None, order.user_id):
            raise orders_sql.OrderNotFound(str(order_id))
        if order.cancel_requested_at is None and order.status is not OrderStatus.CANCELLED:
            order = _request_cancellation(tx, order)
    return order_of(order, payment)


def _request_cancellation(tx: Transaction, order: OrderSnapshot) -> OrderSnapshot:
    if order.status not in CANCELLABLE:
        raise IllegalMove("order", order.status, OrderStatus.CANCELLED)
    asked_at = now()
    cancelling.request(tx, order.id, asked_at)
    asked = order.model_copy(update={"cancel_requested_at": asked_at, "version": order.version + 1})
    record(tx, OrderCancellationRequested(order=asked))
    return asked


@router.post("/orders/{order_id}/shipment", responses=problems(401, 403, 404, 409, 422), tags=["operators"])
@again
def ship_order(order_id: UUID, caller: Caller) -> Order:
    """Say that an order has left the house (operators). One that is to be cancelled stays."""
    note(order=str(order_id))
    with caller.transaction(operator=True) as tx:
        order, payment = payments.lock(tx, order_id)
        if shipped := orders_sql.move(tx, order, OrderStatus.SHIPPED):
            record(tx, OrderShipped(order=shipped))
    return order_of(shipped or order, payment)


def _seen(session: Session, order_id: UUID, caller: CallerOf) -> OrderRow:
    """Return the order as it is now; another user's is no order at all."""
    order = orders.one(session, order_id)
    if order is None or caller.sees not in (None, order.user_id):
        raise orders_sql.OrderNotFound(str(order_id))
    return order
