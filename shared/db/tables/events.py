"""Every fact that was ever recorded, in the order in which it was committed."""

from sqlalchemy import BigInteger, Column, Identity, Index, text
from sqlmodel import Field

from shared.db.tables.base import UUID, Any, Table, count, datetime, json, key, moment, words


class EventRow(Table, table=True):
    __tablename__ = "events"
    __table_args__ = (
        Index("events_new", "seq", postgresql_where=text("position is null and parked_at is null")),
        Index("events_parked", "parked_at", postgresql_where=text("parked_at is not null")),
        Index("events_of_aggregate", "aggregate_id", "seq"),
        Index("events_position", "position", unique=True),
    )

    id: UUID = key()
    seq: int = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))
    position: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    name: str = words()
    version: int = count(1)  # of the event's shape
    aggregate: str = words()  # 'order', 'video', …
    aggregate_id: UUID
    aggregate_version: int
    payload: Any = json()
    job_id: UUID | None = Field(default=None)  # the job that recorded it
    parent_event_id: UUID | None = Field(default=None)  # the fact that job followed from
    traceparent: str | None = words(nullable=True)
    occurred_at: datetime = moment(default=True)
    parked_at: datetime | None = moment()
    parked_reason: str | None = words(nullable=True)
    parked_times: int = count()


class StreamCursor(Table, table=True):
    """How far the live stream is written; one row."""

    __tablename__ = "stream_cursor"

    name: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, nullable=False))


class WebhookRow(Table, table=True):
    """What a provider told us, stored once by its own id."""

    __tablename__ = "webhooks"

    provider: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    kind: str = words()
    payload: Any = json()
    received_at: datetime = moment(default=True, index=True)
