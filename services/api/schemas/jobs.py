"""Jobs as the API hears of them and tells them, to operators."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.api.schemas.batches import Batch
from shared.ages import PATTERN, age
from shared.db.reads.jobs import Wanted

State = Literal["blocked", "scheduled", "queued", "running", "succeeded", "failed", "cancelled"]
#: PostgreSQL keeps no NUL.
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Age = Annotated[str, Field(pattern=PATTERN, examples=["36h"])]
SINCE = "since the job's end, or while it is open since its dispatch"


class JobFilter(BaseModel):
    """Which jobs: all that is said must hold."""

    model_config = ConfigDict(extra="forbid")

    name: Word | None = Field(None, description="the job's function", examples=["charge_payment"])
    queue: Word | None = None
    state: list[State] | None = Field(None, max_length=7)
    error: Word | None = Field(None, description="a part of its last error, in whatever case")
    tag: Word | None = None
    older_than: Age | None = Field(None, description=SINCE)
    younger_than: Age | None = Field(None, description=SINCE)
    batch: UUID | None = None
    chain: UUID | None = None
    aggregate: UUID | None = Field(None, description="of this order's or video's timeline")
    cursor: UUID | None = Field(None, description="`next_cursor` of the answer before")

    def wanted(self, *otherwise: str) -> Wanted:
        """Return it for reading. otherwise: the states that it means when it names none."""
        return Wanted(
            **{name: getattr(self, name) for name in ("name", "queue", "error", "tag")},
            states=tuple(self.state or otherwise),
            older_than=age(self.older_than) if self.older_than else None,
            younger_than=age(self.younger_than) if self.younger_than else None,
            batch_id=self.batch,
            chain_id=self.chain,
            aggregate_id=self.aggregate,
        )


class JobsQuery(JobFilter):
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class RetryJobs(JobFilter):
    """Failed jobs by a filter, which must say something."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    state: list[Literal["failed", "cancelled"]] | None = Field(  # type: ignore[assignment]  # fewer of the same
        None, max_length=2, description="the failed ones, if it says none"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(self.model_dump(exclude={"cursor"}).values()):
            raise ValueError('say which: {"state": ["failed"]} are all failed jobs')
        return self


class Job(BaseModel):
    id: UUID
    name: str
    queue: str
    state: str
    args: Any
    tags: list[str]
    priority: int = Field(description="lower runs first")
    attempt: int = Field(description="the last one's number; it only ever grows")
    failures: int = Field(description="of its tries")
    tries: int | None = Field(description="null: until `retry_until`")
    lost: int = Field(description="attempts that were lost with their worker")
    deferrals: int = Field(description="releases, which burn no try")
    progress: int | None
    worker: str | None
    reason: str | None = Field(description="why it waits, or ended early")
    error: str | None = Field(description="the last one")
    available_at: datetime = Field(description="not before")
    retry_until: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    chain_id: UUID | None
    link: int | None = Field(description="its place in the chain, from 0")
    undo: str | None = Field(description="the job that undoes it")
    batch_id: UUID | None
    event_id: UUID | None = Field(description="the fact it follows from")
    parent_id: UUID | None = Field(description="the job that dispatched it")
    aggregate_id: UUID | None = Field(description="whose timeline it belongs to")
    unique_key: str | None
    serial_key: str | None


class Jobs(BaseModel):
    items: list[Job]
    next_cursor: UUID | None = Field(description="the `cursor` of the next page; null on the last")


class JobAttempt(BaseModel):
    attempt: int
    worker: str | None
    due_at: datetime | None = Field(description="since when it could have run")
    started_at: datetime | None
    finished_at: datetime
    outcome: str
    error: str | None
    detail: str | None = Field(description="the tail of its traceback")


class JobChain(BaseModel):
    id: UUID
    name: str
    created_at: datetime
    ended_reason: str | None
    undone_at: datetime | None
    undone_by: UUID | None = Field(description="the chain of undos")
    links: list[Job]


class JobDetail(Job):
    attempts: list[JobAttempt]
    chain: JobChain | None
    batch: Batch | None


class Refusal(BaseModel):
    id: UUID
    reason: str


class Retried(BaseModel):
    """What became of one page of them: the next one goes on at `next_cursor`."""

    retried: int
    refused: list[Refusal]
    next_cursor: UUID | None = Field(description="the `cursor` of the next request; null when none is left")
