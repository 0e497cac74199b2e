"""How the queues stand and how it went lately: counts, ages and percentiles, read from the rows when they are asked."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from shared.db.transaction import Transaction
from shared.jobs import figures_sql as sql

#: What is counted stops here: a count of so many means so many, or more.
AT_MOST = sql.AT_MOST
WINDOWS = {"1m": 60, "5m": 300, "60m": 3600}
POINTS = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of every hundred, 50, 95 and 99 took no longer; in seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(slots=True)
class Figures:
    """A queue or a job, as it stands and as it went in the window."""

    name: str
    waiting: int = 0  # due, and not taken yet
    delayed: int = 0  # due later: a delay, a backoff, a release
    aside: int = 0  # waits for another of its serial key
    blocked: int = 0  # waits for its chain or batch
    running: int = 0
    oldest_seconds: float | None = None  # since when the oldest of those waiting is due
    longest_seconds: float | None = None  # since when the oldest of those running runs
    attempts: int = 0  # that ended in the window, of which:
    succeeded: int = 0
    failed: int = 0
    lost: int = 0  # their worker died
    released: int = 0  # put off; no failure
    per_minute: float = 0  # succeeded
    failure_rate: float | None = None  # failed and lost, of all that were not put off
    wait: Percentiles | None = None  # from due to started
    run: Percentiles | None = None  # from started to the end that it came to by itself

    def counts(self, row: Any) -> None:
        """Take in so many open rows of one kind."""
        setattr(self, row.what, getattr(self, row.what) + row.number)
        if row.what == "waiting":
            self.oldest_seconds = max(self.oldest_seconds or 0.0, row.age)
        elif row.what == "running":
            self.longest_seconds = max(self.longest_seconds or 0.0, row.age or 0.0)

    def went(self, row: Any, seconds: float) -> None:
        """Take in what ended in so many seconds."""
        for name in ("attempts", "succeeded", "failed", "lost", "released"):
            setattr(self, name, getattr(row, name))
        self.per_minute = 60 * row.succeeded / seconds
        if ended := row.succeeded + row.failed + row.lost:
            self.failure_rate = (row.failed + row.lost) / ended
        self.wait, self.run = (Percentiles(*points) if points else None for points in (row.wait, row.run))


@dataclass(slots=True)
class QueueFigures(Figures):
    threads: int = 0  # of live workers
    paused: bool = False


F = TypeVar("F", bound=Figures)


@dataclass(slots=True)
class Report:
    """The figures of every queue and every job that has any.

    covers_seconds: how far back they reach; less than the window where more than AT_MOST attempts ended in it.
    """

    window_seconds: float
    covers_seconds: float
    at_most: int = AT_MOST
    queues: list[QueueFigures] = field(default_factory=list)
    jobs: list[Figures] = field(default_factory=list)


def report(tx: Transaction, window: float = WINDOWS["5m"]) -> Report:
    """Read the figures. window: the seconds over which it is told how it went."""
    tx.execute(sql.BY_INDEX)
    ended = tx.all(sql.ENDED, {"window": window, "points": list(POINTS)})
    everything = next(row for row in ended if row.kind not in (sql.OF_QUEUE, sql.OF_NAME))
    covers = min(window, everything.reaches) if everything.attempts >= AT_MOST else window
    queues, jobs = _Queues(), _Jobs()
    for row in tx.all(sql.OPEN):
        queues[row.queue].counts(row)
        jobs[row.name].counts(row)
    for row in ended:
        if row.kind in (sql.OF_QUEUE, sql.OF_NAME):
            (queues[row.queue] if row.kind == sql.OF_QUEUE else jobs[row.name]).went(row, covers)
    for row in tx.all(sql.QUEUES):
        queues[row.queue].threads, queues[row.queue].paused = row.threads, row.paused
    return Report(window, covers, queues=_sorted(queues), jobs=_sorted(jobs))


class _Queues(dict[str, QueueFigures]):
    def __missing__(self, name: str) -> QueueFigures:
        return self.setdefault(name, QueueFigures(name))


class _Jobs(dict[str, Figures]):
    def __missing__(self, name: str) -> Figures:
        return self.setdefault(name, Figures(name))


def _sorted(named: dict[str, F]) -> list[F]:
    return [named[name] for name in sorted(named)]
