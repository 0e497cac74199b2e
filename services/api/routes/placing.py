"""`POST /orders`: one order for one key, however often and however many at once it is sent."""

import hashlib
import json
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import APIRouter, Header
from starlette.responses import Response

from services.api.caller import Caller
from services.api.database import again
from services.api.middleware import note
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.schemas.orders import Order, PlaceOrder
from services.api.views import order_of
from shared.db.sql import idempotency, placing
from shared.db.transaction import Transaction
from shared.domain.orders import OrderStatus
from shared.events.catalogue import OrderPlaced
from shared.events.record import record
from shared.events.snapshots import OrderLine, OrderSnapshot
from shared.ids import new_id

router = APIRouter(tags=["orders"])

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="Of the client's making, one for each order: sent again within 24 hours, it gets the first answer.",
    ),
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Order,
        "description": "The order is written down; what follows is told by its timeline.",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "the order"},
            "Idempotent-Replayed": {"schema": {"const": "true"}, "description": "this is the first request's answer"},
        },
    }
}


@router.post(
    "/orders",
    status_code=202,
    response_model=None,  # the answer is stored and sent as the same bytes
    responses=ACCEPTED | problems(400, 401, 409, 413, 422),
)
@again
def place_order(wanted: PlaceOrder, key: IdempotencyKey, caller: Caller) -> Response:
    """Place an order. It is accepted at once; stock, payment and messages follow by themselves."""
    pieces = wanted.pieces
    fingerprint = _fingerprint(pieces, wanted.payment_method)
    try:
        with caller.database.transaction() as tx:
            asked = placing.ask(tx, caller.session_id, (caller.user_id, key, fingerprint), list(pieces))
            caller.let_in(asked.who)
            if asked.won is None:
                return _replay(tx, caller.user_id, key, fingerprint)
            order = _write_down(tx, caller.user_id, wanted.payment_method, pieces, asked)
            body = order_of(order).model_dump_json()
            idempotency.keep(tx, caller.user_id, key, body)
    except psycopg.errors.LockNotAvailable as busy:
        raise Problem(409, "key_in_use", "A request with this Idempotency-Key is still being answered.") from busy
    note(order=str(order.id))
    return _accepted(body, order.id)


def _write_down(
    tx: Transaction, user_id: UUID, payment_method: str, pieces: dict[UUID, int], asked: placing.Answers
) -> OrderSnapshot:
    """Write the order and the fact that it was placed; nobody else knows the row yet, so it needs no lock."""
    lines = _lines(pieces, asked.products)
    order = OrderSnapshot(
        id=new_id(),
        number=asked.won.number,
        user_id=user_id,
        status=OrderStatus.PLACED,
        total=sum(line.unit_price * line.quantity for line in lines),
        currency=asked.products[lines[0].product_id].currency,
        payment_method=payment_method,
        version=1,
        placed_at=asked.won.placed_at,
        items=lines,
    )
    placing.write(tx, order)
    record(tx, OrderPlaced(order=order))
    return order


def _lines(pieces: dict[UUID, int], products: dict[UUID, Any]) -> tuple[OrderLine, ...]:
    if unknown := [str(product_id) for product_id in pieces if product_id not in products]:
        errors = [{"where": "body", "pointer": "#/items", "detail": f"there is no product {it}"} for it in unknown]
        raise Problem(422, "unknown_product", "A product of this order does not exist.", errors=errors)
    if len({product.currency for product in products.values()}) > 1:
        raise Problem(422, "mixed_currencies", "All products of an order have one currency.")
    return tuple(_line(products[product_id], quantity) for product_id, quantity in pieces.items())


def _line(product: Any, quantity: int) -> OrderLine:
    return OrderLine(
        product_id=product.id,
        slug=product.slug,
        name_en=product.name_en,
        name_ar=product.name_ar,
        quantity=quantity,
        unit_price=product.price,
    )


def _replay(tx: Transaction, user_id: UUID, key: str, fingerprint: str) -> Response:
    first = idempotency.stored(tx, user_id, key)
    if first.request_hash != fingerprint:
        raise Problem(422, "key_reused", "This Idempotency-Key was used for another order.")
    return _accepted(first.answer, UUID(json.loads(first.answer)["id"]), {"Idempotent-Replayed": "true"})


def _accepted(body: str, order_id: UUID | str, headers: dict[str, str] | None = None) -> Response:
    location = {"Location": f"/orders/{order_id}"}
    return Response(body, 202, {**location, **(headers or {})}, "application/json")


def _fingerprint(pieces: dict[UUID, int], payment_method: str) -> str:
    """Tell two orders apart by what is ordered, not by how it is spelled."""
    spelled = "|".join([payment_method, *(f"{product_id}:{quantity}" for product_id, quantity in pieces.items())])
    return hashlib.sha256(spelled.encode()).hexdigest()
