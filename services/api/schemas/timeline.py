"""An order's timeline: what happened, what is being done about it, and what the customer was told."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class TimelineEvent(BaseModel):
    id: UUID
    position: int | None = Field(description="its place among all facts; null for a moment, until it is handed on")
    name: str
    version: int
    payload: dict[str, Any]
    job_id: UUID | None = Field(description="the job that recorded it")
    parent_event_id: UUID | None
    occurred_at: datetime


class Attempt(BaseModel):
    attempt: int
    worker: str | None = Field(description="for operators; null for customers")
    started_at: datetime | None
    finished_at: datetime
    outcome: str
    error: str | None = Field(description="for operators; null for customers")


class ChainLink(BaseModel):
    id: UUID
    name: str
    link: int = Field(description="its place in the chain, from 0")
    ended_reason: str | None


class TimelineJob(BaseModel):
    id: UUID
    name: str
    queue: str
    state: str
    attempt: int
    failures: int
    tries: int | None
    available_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None
    error: str | None = Field(description="for operators; null for customers")
    event_id: UUID | None = Field(description="the fact it follows from")
    chain: ChainLink | None
    attempts: list[Attempt]


class TimelineNotification(BaseModel):
    id: UUID
    kind: str
    channel: str
    recipient: str
    status: str
    delivery: str | None = Field(description="what the carrier reported since, or why it was not sent")
    subject: str
    created_at: datetime
    sent_at: datetime | None


class Timeline(BaseModel):
    events: list[TimelineEvent]
    jobs: list[TimelineJob]
    notifications: list[TimelineNotification]
