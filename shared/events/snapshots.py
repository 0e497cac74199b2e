"""How an order, a product and a video look inside their events."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.domain.orders import OrderStatus
from shared.domain.videos import VideoStatus


class ProductSnapshot(BaseModel):
    """A product as it was added; how many there are is no part of it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    slug: str
    name_en: str
    name_ar: str
    price: int  # minor units of the currency
    currency: str


class OrderLine(BaseModel):
    model_config = ConfigDict(frozen=True)

    product_id: UUID
    slug: str
    name_en: str
    name_ar: str
    quantity: int
    unit_price: int  # minor units of the order's currency


class OrderSnapshot(BaseModel):
    """An order at one version."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    number: int
    user_id: UUID
    status: OrderStatus
    reason: str | None = None
    total: int  # minor units
    currency: str
    payment_method: str
    version: int
    placed_at: datetime
    expires_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    items: tuple[OrderLine, ...]


class VideoSnapshot(BaseModel):
    """A video at one version."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    user_id: UUID
    filename: str  # as the customer calls it
    status: VideoStatus
    code: str | None = None  # why it was rejected or failed, for machines …
    reason: str | None = None  # … and for people
    size: int  # bytes
    generation: int  # how often it was handed to the jobs
    duration: float | None = None  # seconds
    width: int | None = None
    height: int | None = None
    processed_url: str | None = None  # an address in the API, once it can be played
    version: int
    created_at: datetime
