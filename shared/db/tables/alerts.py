"""What operators were called for: open until it is over, and never twice at once."""

from sqlalchemy import Index, text

from shared.db.tables.base import UUID, Table, datetime, key, moment, words


class Alert(Table, table=True):
    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_open", "rule", "subject", unique=True, postgresql_where=text("resolved_at is null")),
        Index("alerts_opened", "opened_at"),
    )

    id: UUID = key()
    rule: str = words()  # which rule of the table of rules
    subject: str = words()  # the queue, job or task it is about
    detail: str = words()  # what was seen, in words
    opened_at: datetime = moment(default=True)
    seen_at: datetime = moment(default=True)  # when it was last so
    resolved_at: datetime | None = moment()
