"""Batches as the API tells them, to operators."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class Batch(BaseModel):
    id: UUID
    name: str
    state: Literal["open", "succeeded", "failed", "cancelled"]
    progress: int = Field(description="the percentage of members that have ended, however they did")
    total: int
    pending: int
    succeeded: int
    failed: int
    cancelled: int
    allow_failures: bool
    chain_id: UUID | None = Field(description="the chain it is a link of")
    created_at: datetime
    finished_at: datetime | None
    cancelled_at: datetime | None
    cancelled_because: str | None


class Batches(BaseModel):
    items: list[Batch]
    next_cursor: UUID | None = Field(description="the `cursor` of the next page; null on the last")


class Callback(BaseModel):
    """What the batch's end calls."""

    id: UUID
    name: str
    state: str


class BatchDetail(Batch):
    members: dict[str, int] = Field(description="how many there are in each state", examples=[{"succeeded": 3}])
    callbacks: dict[str, Callback] = Field(description="by `then`, `catch` and `finally`")
