"""Rows and snapshots as the API shows them."""

from uuid import UUID

from starlette.requests import Request

from services.api.schemas.orders import Line, Links, Order, Payment
from services.api.schemas.products import Names, Pictures, Product
from services.api.schemas.timeline import Attempt, ChainLink, Timeline, TimelineEvent, TimelineJob, TimelineNotification
from shared.db.reads import timeline
from shared.db.sql.payments import Payment as StoredPayment
from shared.db.tables.jobs import Job
from shared.db.tables.orders import Order as OrderRow
from shared.db.tables.orders import OrderItem
from shared.db.tables.payments import Payment as PaymentRow
from shared.db.tables.products import Product as ProductRow
from shared.domain.orders import OrderStatus
from shared.domain.payments import PaymentStatus
from shared.domain.pictures import PictureSize, path_of
from shared.events.snapshots import OrderLine, OrderSnapshot

# What is shown as it is stored.
ORDER_COLUMNS = Order.model_fields.keys() - {"status", "items", "payment", "links"}
JOB_COLUMNS = TimelineJob.model_fields.keys() - {"chain", "attempts"}
PRODUCT_COLUMNS = Product.model_fields.keys() - {"name", "names", "available", "pictures"}


def order_of(order: OrderRow | OrderSnapshot, payment: PaymentRow | StoredPayment | None = None) -> Order:
    """Show an order that was read, or one that was written just now."""
    return Order(
        **{name: getattr(order, name) for name in ORDER_COLUMNS},
        status=OrderStatus(order.status),
        items=[_line_of(line) for line in order.items],
        payment=Payment(status=PaymentStatus(payment.status), reason=payment.reason) if payment else None,
        links=links_of(order.id),
    )


def _line_of(line: OrderItem | OrderLine) -> Line:
    return Line(
        product_id=line.product_id,
        slug=line.slug,
        names=Names(en=line.name_en, ar=line.name_ar),
        quantity=line.quantity,
        unit_price=line.unit_price,
    )


def timeline_of(told: timeline.Timeline, *, operator: bool) -> Timeline:
    """Show an order's timeline. Errors and names of our machines are for operators only."""
    whole = Timeline(
        events=[TimelineEvent.model_validate(event, from_attributes=True) for event in told.events],
        jobs=[_job_of(job) for job in told.jobs],
        notifications=[TimelineNotification.model_validate(one, from_attributes=True) for one in told.notifications],
    )
    if not operator:
        _hide_machines(whole)
    return whole


def _hide_machines(shown: Timeline) -> None:
    for job in shown.jobs:
        job.error = None
        for attempt in job.attempts:
            attempt.error = attempt.worker = None
    for message in shown.notifications:
        if message.status == "failed":
            message.delivery = None


def _job_of(job: Job) -> TimelineJob:
    chain = ChainLink.model_validate({**job.chain.model_dump(), "link": job.link}) if job.chain else None
    attempts = [Attempt.model_validate(attempt, from_attributes=True) for attempt in job.attempts]
    return TimelineJob(**job.model_dump(include=JOB_COLUMNS), chain=chain, attempts=attempts)


def links_of(order_id: UUID) -> Links:
    itself = f"/orders/{order_id}"
    return Links(self=itself, timeline=f"{itself}/timeline", cancellation=f"{itself}/cancellation")


def product_of(product: ProductRow, language: str, *, pictured: bool) -> Product:
    names = Names(en=product.name_en, ar=product.name_ar)
    return Product(
        **product.model_dump(include=PRODUCT_COLUMNS),
        names=names,
        name=names.ar if language == "ar" else names.en,
        available=product.on_hand - product.reserved,
        pictures=_pictures_of(product.id) if pictured else None,
    )


def _pictures_of(product_id: UUID) -> Pictures:
    return Pictures(**{size.value: f"/{path_of(product_id, size)}" for size in PictureSize})


def language_of(request: Request) -> str:
    """Return `ar` or `en`, whichever the browser asks for first."""
    for wish in request.headers.get("accept-language", "").lower().split(","):
        if (language := wish.strip()[:2]) in ("ar", "en"):
            return language
    return "en"
