"""Rows and snapshots as the API shows them."""

from typing import Any
from uuid import UUID

from starlette.requests import Request

from services.api.schemas.orders import Line, Links, Order, Payment
from services.api.schemas.products import Names, Product
from shared.events.snapshots import OrderSnapshot


def order_of(row: Any) -> Order:
    """Show a row of `order_views`."""
    payment = Payment(status=row.payment_status, reason=row.payment_reason) if row.payment_status else None
    return Order(**{**row._asdict(), "payment": payment, "links": links_of(row.id)})


def new_order_of(order: OrderSnapshot) -> Order:
    """Show an order that was placed just now; it is our own work, so nothing is validated."""
    return Order.model_construct(
        **{
            **order.__dict__,
            "items": [
                Line.model_construct(
                    product_id=line.product_id,
                    slug=line.slug,
                    names=Names.model_construct(en=line.name_en, ar=line.name_ar),
                    quantity=line.quantity,
                    unit_price=line.unit_price,
                )
                for line in order.items
            ],
            "payment": None,
            "links": links_of(order.id),
        }
    )


def links_of(order_id: UUID) -> Links:
    itself = f"/orders/{order_id}"
    return Links(self=itself, timeline=f"{itself}/timeline", cancellation=f"{itself}/cancellation")


def product_of(row: Any, language: str) -> Product:
    names = Names(en=row.name_en, ar=row.name_ar)
    return Product(**row._asdict(), names=names, name=names.ar if language == "ar" else names.en)


def language_of(request: Request) -> str:
    """Return `ar` or `en`, whichever the browser asks for first."""
    for wish in request.headers.get("accept-language", "").lower().split(","):
        if (language := wish.strip()[:2]) in ("ar", "en"):
            return language
    return "en"
