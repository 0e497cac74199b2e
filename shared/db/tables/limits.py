"""What jobs share to hold one another back: locks, rates and circuit breakers, each by a key."""

from sqlalchemy import Column, Text
from sqlmodel import Field

from shared.db.tables.base import UUID, Table, count, datetime, moment


def named() -> str:
    name: str = Field(sa_column=Column("key", Text, primary_key=True))
    return name


class JobLock(Table, table=True):
    """Who holds a key: alive only as long as that attempt runs, so that no crash leaves it locked."""

    __tablename__ = "job_locks"

    key: str = named()
    job_id: UUID
    attempt: int
    taken_at: datetime = moment(default=True, index=True)


class JobRate(Table, table=True):
    """How far a key's allowance is used up: the moment at which all of it is there again."""

    __tablename__ = "job_rates"

    key: str = named()
    full_at: datetime = moment(default=True, index=True)
    line_until: datetime | None = moment()  # up to when its room is promised to jobs that wait


class JobBreaker(Table, table=True):
    """How often in a row a key's jobs failed, and until when nobody tries."""

    __tablename__ = "job_breakers"

    key: str = named()
    failures: int = count()
    open_until: datetime | None = moment()
    failed_at: datetime = moment(default=True, index=True)
