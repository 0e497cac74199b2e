"""What operators did, as the API tells it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class Act(BaseModel):
    id: int
    at: datetime
    user_id: UUID
    user_name: str
    action: str = Field(examples=["queue.pause"])
    subject: str = Field(examples=["queue notifications"])
    detail: dict[str, Any] | None


class Audit(BaseModel):
    items: list[Act]
    next_cursor: int | None = Field(description="the `cursor` of the next page; null on the last")
