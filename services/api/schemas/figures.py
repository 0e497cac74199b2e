"""What operators ask about the queues: how they stand, and how it went lately."""

from pydantic import BaseModel, Field


class Percentiles(BaseModel):
    """Of every hundred, 50, 95 and 99 took no longer; in seconds."""

    p50: float
    p95: float
    p99: float


class JobFigures(BaseModel):
    name: str
    waiting: int = Field(description="due, and not taken yet")
    delayed: int = Field(description="due later")
    aside: int = Field(description="waiting for another of the same serial key")
    blocked: int = Field(description="waiting for a chain or a batch")
    running: int
    oldest_seconds: float | None = Field(description="since when the oldest of those waiting is due")
    longest_seconds: float | None = Field(description="since when the oldest of those running runs")
    attempts: int = Field(description="that ended in the window")
    succeeded: int
    failed: int
    lost: int = Field(description="their worker died")
    released: int = Field(description="put off; no failure")
    per_minute: float = Field(description="succeeded")
    failure_rate: float | None = Field(description="failed and lost, of all that were not put off; 0 to 1")
    wait: Percentiles | None = Field(description="from due to started")
    run: Percentiles | None = Field(description="from started to the end")


class QueueFigures(JobFigures):
    threads: int = Field(description="of live workers")
    paused: bool


class Figures(BaseModel):
    window_seconds: float
    covers_seconds: float = Field(
        description="how far back they reach, if not over the whole window: very much ended in it"
    )
    at_most: int = Field(description="counting stops here: so many, or more")
    queues: list[QueueFigures]
    jobs: list[JobFigures]
