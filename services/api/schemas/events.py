"""The log of what happened, as the API tells it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class RecordedEvent(BaseModel):
    id: UUID
    position: int = Field(description="its place among all facts: the `event_id` under which it was heard live")
    name: str = Field(examples=["OrderShipped"])
    version: int = Field(description="of its shape")
    aggregate: str = Field(description="what it happened to", examples=["order"])
    aggregate_id: UUID
    aggregate_version: int
    channels: list[str] = Field(description="where it was heard live", examples=[["private-orders"]])
    payload: dict[str, Any]
    job_id: UUID | None = Field(description="the job that recorded it")
    parent_event_id: UUID | None = Field(description="the fact which that job followed from")
    occurred_at: datetime


class RecordedEvents(BaseModel):
    items: list[RecordedEvent]
    next_cursor: int | None = Field(description="the `cursor` of the next page; null on the last")
