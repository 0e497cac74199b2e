"""Queues as operators read them: what waits, what runs, who works on it, who paused it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import literal, union_all
from sqlmodel import Session, col, func, select

from shared.clock import now
from shared.db.tables.jobs import Job, PausedQueue, WorkerRow

#: A unit that was seen in this time is live; the relay hands over for as many (shared/jobs/sql.py).
LIVE_FOR = timedelta(seconds=15)


@dataclass(slots=True)
class Queue:
    """How a queue stands now. Its rates and ages over time are the figures' (shared/jobs/figures.py)."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    units: int = 0
    threads: int = 0
    paused: PausedQueue | None = None

    @property
    def waiting(self) -> int:
        """Those that are due."""
        return self.counts["due"] + self.counts["queued"]

    @property
    def delayed(self) -> int:
        """Those whose time has not come."""
        return self.counts["delayed"]

    @property
    def blocked(self) -> int:
        """Those that wait for another job, or for their batch."""
        return self.counts["blocked"]

    @property
    def running(self) -> int:
        return self.counts["running"]


def all_known(session: Session) -> list[Queue]:
    """Return, by name, the queues that have open jobs, a live unit, or a pause."""
    queues: dict[str, Queue] = {}

    def named(name: str) -> Queue:
        return queues.setdefault(name, Queue(name))

    for name, kind, number in session.exec(_counts()):
        named(name).counts[kind] += number
    for unit in session.exec(select(WorkerRow).where(col(WorkerRow.seen_at) > now() - LIVE_FOR)):
        for name in unit.queues:
            named(name).units += 1
            named(name).threads += unit.threads
    for pause in session.exec(select(PausedQueue)):
        named(pause.queue).paused = pause
    return [queues[name] for name in sorted(queues)]


def one(session: Session, name: str) -> Queue:
    """Return it, empty where nobody knows it."""
    return next((queue for queue in all_known(session) if queue.name == name), Queue(name))


def _counts() -> Any:
    """Count state by state, so that each is counted by its own index."""
    due = col(Job.available_at) <= func.now()
    kinds = {
        "due": ("scheduled", due),
        "delayed": ("scheduled", ~due),
        **{state: (state, None) for state in ("queued", "running", "blocked")},
    }
    return union_all(*(_count(kind, state, only) for kind, (state, only) in kinds.items()))


def _count(kind: str, state: str, only: Any) -> Any:
    counted = select(col(Job.queue), literal(kind).label("kind"), func.count().label("number"))
    counted = counted.where(*([] if only is None else [only])).group_by(col(Job.queue))
    return counted.where(col(Job.state) == literal(state, literal_execute=True))
