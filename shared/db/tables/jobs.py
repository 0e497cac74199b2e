"""The job ledger: a job is a row here before it is a message anywhere."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, SmallInteger, text
from sqlmodel import Field, Relationship

from shared.db.tables.base import (
    READ,
    UUID,
    Any,
    Table,
    count,
    datetime,
    flag,
    json,
    key,
    moment,
    reference,
    texts,
    words,
)

STATES = ("blocked", "scheduled", "queued", "running", "succeeded", "failed", "cancelled")
OPEN = "state in ('blocked', 'scheduled', 'queued', 'running')"


class Chain(Table, table=True):
    __tablename__ = "chains"

    id: UUID = key()
    name: str = words()
    created_at: datetime = moment(default=True)
    ended_reason: str | None = words(nullable=True)  # a business "no" ended it early
    undone_at: datetime | None = moment()
    undone_by: UUID | None = Field(default=None, nullable=True)  # the chain of undos


class Job(Table, table=True):
    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state in {STATES}", name="jobs_state"),
        Index("jobs_due", "queue", "priority", "available_at", "id", postgresql_where=text("state = 'scheduled'")),
        Index("jobs_blocked", "created_at", postgresql_where=text("state = 'blocked'")),
        Index("jobs_queued", "queued_at", postgresql_where=text("state = 'queued'")),
        Index("jobs_running", "lease_until", postgresql_where=text("state = 'running'")),
        Index("jobs_failed", "finished_at", postgresql_where=text("state = 'failed'")),
        Index("jobs_finished", "finished_at", postgresql_where=text("finished_at is not null")),
        Index("jobs_of_chain", "chain_id", "link", postgresql_where=text("chain_id is not null")),
        Index("jobs_of_batch", "batch_id", postgresql_where=text("batch_id is not null")),
        Index("jobs_of_aggregate", "aggregate_id", "id", postgresql_where=text("aggregate_id is not null")),
        Index("jobs_unique", "unique_key", unique=True, postgresql_where=text(f"unique_key is not null and {OPEN}")),
        Index("jobs_serial", "serial_key", "id", postgresql_where=text(f"serial_key is not null and {OPEN}")),
        {
            # A queue's table turns over all day: vacuum by count, not by share, and without a pause.
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": 0,
                "autovacuum_vacuum_threshold": 20000,
                "autovacuum_vacuum_cost_delay": 0,
            }
        },
    )

    id: UUID = key()
    name: str = words()
    queue: str = words("default")
    args: Any = json()
    state: str = words("scheduled")
    priority: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    available_at: datetime = moment(default=True)  # not before
    created_at: datetime = moment(default=True)
    queued_at: datetime | None = moment()
    started_at: datetime | None = moment()  # of the last attempt
    finished_at: datetime | None = moment()
    lease_until: datetime | None = moment()
    worker: str | None = words(nullable=True)
    attempt: int = count()  # only ever grows: with the id it is the fence
    failures: int = count()  # what `tries` counts
    lost: int = count()  # leases lost with a dead or frozen worker
    deferrals: int = count()  # releases: they burn no try
    handovers: int = count()  # times it went to Redis; with the id it names the message
    tries: int | None = Field(default=None, nullable=True)  # null: until `retry_until`
    retry_seconds: float | None = Field(default=None, nullable=True)  # it may be tried for so long, and so until:
    retry_until: datetime | None = moment()  # set by its first claim; a link's time begins when its turn comes
    error: str | None = words(nullable=True)  # the last one
    reason: str | None = words(nullable=True)  # why it waits, or ended early
    progress: int | None = Field(default=None, nullable=True)
    chain_id: UUID | None = reference("chains.id", nullable=True)
    link: int | None = Field(default=None, nullable=True)  # its place in the chain, from 0
    next_id: UUID | None = Field(default=None, nullable=True)  # the link it frees
    undo: str | None = words(nullable=True)  # the job that undoes it
    batch_id: UUID | None = reference("batches.id", nullable=True)
    event_id: UUID | None = Field(default=None, nullable=True)  # the fact it follows from
    parent_id: UUID | None = Field(default=None, nullable=True)  # the job that dispatched it
    aggregate_id: UUID | None = Field(default=None, nullable=True)  # whose timeline it belongs to
    unique_key: str | None = words(nullable=True)
    serial_key: str | None = words(nullable=True)
    tags: list[str] = texts()
    traceparent: str | None = words(nullable=True)

    attempts: list["JobAttempt"] = Relationship(sa_relationship_kwargs=READ | {"order_by": "JobAttempt.attempt"})
    chain: Chain | None = Relationship(sa_relationship_kwargs=READ)


class JobAttempt(Table, table=True):
    """One run of a job, written when it ends."""

    __tablename__ = "job_attempts"
    __table_args__ = (
        Index("job_attempts_finished", "finished_at"),
        Index("job_attempts_bad", "finished_at", postgresql_where=text("outcome in ('failed', 'lost')")),
        CheckConstraint(
            "outcome in ('succeeded', 'failed', 'released', 'lost', 'cancelled')", name="job_attempts_outcome"
        ),
    )

    job_id: UUID = Field(foreign_key="jobs.id", primary_key=True, ondelete="CASCADE")
    attempt: int = Field(primary_key=True)
    worker: str | None = words(nullable=True)
    due_at: datetime | None = moment()  # since when it could have run
    started_at: datetime | None = moment()
    finished_at: datetime = moment(default=True)
    outcome: str = words()
    error: str | None = words(nullable=True)  # its last line
    detail: str | None = words(nullable=True)  # the tail of its traceback


class Batch(Table, table=True):
    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint(
            "pending >= 0 and failed >= 0 and cancelled >= 0 and pending + failed + cancelled <= total",
            name="batches_counters",
        ),
        Index("batches_created", "created_at"),
    )

    id: UUID = key()
    name: str = words("")
    total: int = count()
    pending: int = count()  # members that have not ended
    failed: int = count()
    cancelled: int = count()  # all others have succeeded
    allow_failures: bool = flag()
    then_id: UUID | None = Field(default=None, nullable=True)
    catch_id: UUID | None = Field(default=None, nullable=True)
    finally_id: UUID | None = Field(default=None, nullable=True)
    chain_id: UUID | None = Field(default=None, nullable=True)  # the chain it is a link of
    next_id: UUID | None = Field(default=None, nullable=True)  # the link that it is: begins it and waits for its end
    created_at: datetime = moment(default=True)
    cancelled_at: datetime | None = moment()
    cancelled_because: str | None = words(nullable=True)
    finished_at: datetime | None = moment()


class PausedQueue(Table, table=True):
    __tablename__ = "paused_queues"

    queue: str = Field(primary_key=True)
    paused_at: datetime = moment(default=True)
    paused_by: str = words()
    reason: str = words("")


class WorkerRow(Table, table=True):
    """A worker process that announced itself; live while it was seen in the last seconds."""

    __tablename__ = "workers"

    id: str = Field(primary_key=True)
    unit: str = words()
    host: str = words()
    pid: int
    queues: list[str] = texts()
    threads: int
    started_at: datetime = moment(default=True)
    seen_at: datetime = moment(default=True, index=True)


class ScheduleSlot(Table, table=True):
    """A periodic task ran for this slot of time, or missed it: the key makes a second run impossible."""

    __tablename__ = "schedule_slots"

    task: str = Field(primary_key=True)
    slot: datetime = Field(sa_column=Column("slot", moment(default=True).sa_column.type, primary_key=True))
    job_id: UUID | None = Field(default=None, nullable=True)  # null: it was missed
    reason: str | None = words(nullable=True)  # why it was missed, or ran at no slot of its own
    created_at: datetime = moment(default=True)


class AuditRow(Table, table=True):
    """What an operator did, to what, and why."""

    __tablename__ = "audit"

    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    user_id: UUID = reference("users.id")
    action: str = words()
    subject: str = words()
    detail: Any = json(nullable=True)
    at: datetime = moment(default=True)
