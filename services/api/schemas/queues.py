"""Queues as the API hears of them and tells them, to operators."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PauseQueue(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")] = Field(
        examples=["the carrier is down"]
    )


class Pause(BaseModel):
    paused_at: datetime
    paused_by: str
    reason: str


class Queue(BaseModel):
    name: str
    waiting: int = Field(description="due, and not running")
    delayed: int = Field(description="their time has not come")
    blocked: int = Field(description="they wait for another job, or for their batch")
    running: int
    units: int = Field(description="live worker units")
    threads: int = Field(description="of these units together")
    paused: Pause | None


class Queues(BaseModel):
    items: list[Queue]
