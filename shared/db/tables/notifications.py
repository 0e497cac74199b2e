"""What customers were told: one row for each recipient and channel."""

from sqlalchemy import CheckConstraint, Index, text

from shared.db.tables.base import UUID, Table, datetime, key, moment, reference, words


class NotificationRow(Table, table=True):
    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint("status in ('pending', 'sent', 'failed', 'skipped')", name="notifications_status"),
        CheckConstraint("channel in ('mail', 'sms', 'database')", name="notifications_channel"),
        Index("notifications_once", "event_id", "kind", "channel", "user_id", unique=True),
        Index("notifications_of_aggregate", "aggregate_id", "id"),
        Index("notifications_inbox", "user_id", text("id desc"), postgresql_where=text("channel = 'database'")),
        Index("notifications_by_provider", "provider_id", postgresql_where=text("provider_id is not null")),
    )

    id: UUID = key()
    event_id: UUID  # the fact it tells of
    kind: str = words()  # order_confirmed, order_shipped, …
    channel: str = words()
    user_id: UUID = reference("users.id")
    aggregate_id: UUID
    recipient: str = words("")
    locale: str = words("en")
    status: str = words("pending")
    subject: str = words("")
    body: str = words("")
    message_id: str | None = words(nullable=True)  # the mail's own, the same when sent again
    provider_id: str | None = words(nullable=True)  # the carrier's
    delivery: str | None = words(nullable=True)  # what the carrier reported since
    created_at: datetime = moment(default=True)
    asked_at: datetime | None = moment()  # set before the carrier is asked
    sent_at: datetime | None = moment()
    read_at: datetime | None = moment()
