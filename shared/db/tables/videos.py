"""Videos: one row from the first byte of the upload to the last play; its files lie beside the database."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from shared.db.tables.base import UUID, Any, Table, amount, count, datetime, json, key, moment, reference, words

STATES = "status in ('uploading', 'uploaded', 'processing', 'completed', 'failed', 'rejected', 'cancelled')"
ALIVE = text("deleted_at is null")


def number() -> Any:
    return Field(default=None, sa_column=Column(BigInteger, nullable=True))


class Video(Table, table=True):
    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint(STATES, name="videos_status"),
        CheckConstraint("size >= 0", name="videos_size"),
        CheckConstraint("percent between 0 and 100", name="videos_percent"),
        Index("videos_of_user", "user_id", text("id desc"), postgresql_where=ALIVE),
        Index("videos_expiring", "expires_at", postgresql_where=text("status = 'uploading'")),
        Index("videos_with_source", "completed_at", postgresql_where=text("source_deleted_at is null")),
        Index("videos_under_way", "updated_at", postgresql_where=text("status in ('uploaded', 'processing')")),
        Index("videos_deleted", "deleted_at", postgresql_where=text("deleted_at is not null")),
    )

    id: UUID = key()
    user_id: UUID = reference("users.id")
    filename: str = words()  # as the customer calls it; only ever shown
    status: str = words("uploading")
    code: str | None = words(nullable=True)  # why it was rejected or failed, for machines …
    reason: str | None = words(nullable=True)  # … and for people
    size: int = amount()  # bytes of the upload: as announced, then as received
    sha256: str | None = words(nullable=True)
    upload_metadata: str = words("")  # tus: as the client sent it
    generation: int = count()  # how often it was handed to the jobs
    percent: int = count()
    chain_id: UUID | None = Field(default=None)  # the jobs that make this generation
    plan: Any | None = json(nullable=True)  # what the probe found, and what is made of it
    made: Any = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'")))  # parts, and where they lie
    poster: int | None = Field(default=None)  # the generation whose poster is there …
    storyboard: int | None = Field(default=None)  # … whose storyboard …
    published: int | None = Field(default=None)  # … and whose stream
    duration_ms: int | None = number()
    width: int | None = Field(default=None)  # pixels, as seen: after turning
    height: int | None = Field(default=None)
    version: int = count(1)
    created_at: datetime = moment(default=True)
    updated_at: datetime = moment(default=True)
    expires_at: datetime | None = moment()  # of an upload that is not whole
    uploaded_at: datetime | None = moment()
    completed_at: datetime | None = moment()
    source_deleted_at: datetime | None = moment()
    deleted_at: datetime | None = moment()  # its files go next, and its row at last
