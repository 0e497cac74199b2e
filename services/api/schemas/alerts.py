"""What operators are called for."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field


class Alert(BaseModel):
    id: UUID
    rule: str = Field(examples=["queue_waits"])
    subject: str = Field(description="the queue, job or fact it is about")
    detail: str = Field(description="what was seen last, in words")
    opened_at: datetime
    seen_at: datetime = Field(description="when it was last so")
    resolved_at: datetime | None


class Alerts(BaseModel):
    looked_at: datetime | None = Field(
        description="when the rules were last looked at; if that is minutes ago, nobody looks"
    )
    items: list[Alert]
