"""Who may sign in, the sessions that are open, and how often someone tried."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Text, text
from sqlmodel import Field

from shared.db.tables.base import UUID, Table, count, datetime, key, moment, reference, words


class User(Table, table=True):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role in ('customer', 'operator')", name="users_role"),
        CheckConstraint("locale in ('en', 'ar')", name="users_locale"),
        Index("users_email", text("lower(email)"), unique=True),
    )

    id: UUID = key()
    email: str = words()
    name: str = words()
    phone: str | None = words(nullable=True)  # E.164
    locale: str = words("en")
    role: str = words("customer")
    password_hash: str = words()
    created_at: datetime = moment(default=True)


class Session(Table, table=True):
    __tablename__ = "sessions"

    id: UUID = key()
    user_id: UUID = reference("users.id", index=True)
    created_at: datetime = moment(default=True)
    renewed_at: datetime = moment(default=True)
    expires_at: datetime = moment(default=True, index=True)
    revoked_at: datetime | None = moment()


class RateLimit(Table, table=True):
    """Attempts per key and window; in PostgreSQL, so that Redis down changes nothing."""

    __tablename__ = "rate_limits"

    key: str = Field(sa_column=Column(Text, primary_key=True))
    window_start: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True, index=True))
    hits: int = count(1)
