"""Orders as the API hears and tells them."""

from datetime import datetime
from functools import cached_property
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.api.schemas.products import Names
from shared.domain.orders import OrderStatus
from shared.domain.payments import PaymentStatus

MOST_LINES = 50
MOST_PIECES = 1000


class WantedLine(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product_id: UUID
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_PIECES)]


class PlaceOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[WantedLine], Field(min_length=1, max_length=MOST_LINES)]
    payment_method: Annotated[str, Field(pattern=r"^pm_[A-Za-z0-9_]{1,64}$")] = Field(examples=["pm_card_visa"])

    @cached_property
    def pieces(self) -> dict[UUID, int]:
        """How many pieces of each product, by its id: the same product on two lines is one line."""
        pieces: dict[UUID, int] = {}
        for line in self.items:
            pieces[line.product_id] = pieces.get(line.product_id, 0) + line.quantity
        return dict(sorted(pieces.items()))

    @model_validator(mode="after")
    def _bounds_hold_for_the_sum(self) -> Self:
        if max(self.pieces.values()) > MOST_PIECES:
            raise ValueError(f"at most {MOST_PIECES} pieces of one product")
        return self


class Line(BaseModel):
    product_id: UUID
    slug: str
    names: Names
    quantity: int
    unit_price: int


class Payment(BaseModel):
    status: PaymentStatus
    reason: str | None = Field(description="why the card was declined")


class Links(BaseModel):
    self: str
    timeline: str
    cancellation: str


class Order(BaseModel):
    id: UUID
    number: int
    user_id: UUID
    status: OrderStatus
    reason: str | None = Field(description="why it was rejected or cancelled")
    total: int = Field(description="minor units of the currency")
    currency: str
    payment_method: str
    version: int
    placed_at: datetime
    expires_at: datetime | None = Field(description="until when its stock is reserved")
    cancel_requested_at: datetime | None
    items: list[Line]
    payment: Payment | None = Field(description="null until the card was asked")
    links: Links


class Orders(BaseModel):
    items: list[Order]
    next_cursor: UUID | None = Field(description="the `cursor` of the next page; null on the last")
