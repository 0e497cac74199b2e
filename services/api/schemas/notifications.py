"""A customer's inbox, as the API tells it."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field


class Notification(BaseModel):
    id: UUID
    kind: str = Field(examples=["order_confirmed"])
    order_id: UUID = Field(validation_alias="aggregate_id")
    subject: str
    body: str
    created_at: datetime
    read_at: datetime | None


class Notifications(BaseModel):
    items: list[Notification]
    next_cursor: UUID | None = Field(description="the `cursor` of the next page; null on the last")
