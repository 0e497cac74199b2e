"""What the job ledger should say after each step: a small model in Python, beside the real one."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

from shared.jobs.job import JobType
from shared.jobs.running import Claimed

TERMINAL = ("succeeded", "failed", "cancelled")
LOST_CAP = 3
TRIES = 2


@dataclass
class ModelChain:
    links: list["ModelJob"] = field(default_factory=list)
    undone: bool = False


@dataclass
class ModelJob:
    id: UUID
    name: str
    what: str
    place: int  # in the order in which the model met them
    state: str = "scheduled"
    chain: ModelChain | None = None
    undo: str | None = None
    delayed: bool = False
    worker: str = ""
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    deferrals: int = 0

    @property
    def open(self) -> bool:
        return self.state not in TERMINAL

    @property
    def counters(self) -> tuple[str, int, int, int, int]:
        return self.state, self.attempt, self.failures, self.lost, self.deferrals


#: What is to appear by itself: the jobs of one undo chain, or the one that tells of a failure.
Unborn = tuple[tuple[str, str, str], ...]  # (name, what, state) of each


class Model:
    """Jobs, what Redis holds of them, and what they wrote down."""

    def __init__(self) -> None:
        self.jobs: dict[UUID, ModelJob] = {}
        self.in_redis: Counter[UUID] = Counter()
        self.popped: list[UUID] = []
        self.attempts: list[Claimed] = []  # all that were ever claimed, stale ones too
        self.effects: list[tuple[UUID, str]] = []
        self.unborn: list[Unborn] = []
        self.paused = False
        self.seen: Counter[str] = Counter()  # what this example came to
        self._places = count()

    # --- dispatch and hand-over ---

    def add(self, job_id: UUID, kind: str, what: str, *, delayed: bool = False) -> ModelJob:
        job = ModelJob(job_id, kind, what, next(self._places), delayed=delayed)
        self.jobs[job_id] = job
        return job

    def add_chain(self, ids: list[UUID], links: list[tuple[JobType, JobType | None]], what: str) -> None:
        chain = ModelChain()
        for job_id, (do, undo) in zip(ids, links, strict=True):
            job = self.add(job_id, do.name, what)
            job.chain, job.undo = chain, undo.name if undo else None
            job.state = "blocked" if chain.links else "scheduled"
            chain.links.append(job)

    def due(self) -> list[ModelJob]:
        return [] if self.paused else [job for job in self.of_state("scheduled") if not job.delayed]

    def of_state(self, state: str) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.state == state]

    def missing_in_redis(self) -> list[ModelJob]:
        return [job for job in self.of_state("queued") if not self.in_redis[job.id]]

    # --- attempts ---

    def holds(self, attempt: Claimed) -> bool:
        job = self.jobs[attempt.id]
        return job.state == "running" and job.attempt == attempt.attempt

    def live(self) -> list[Claimed]:
        return [attempt for attempt in self.attempts if self.holds(attempt)]

    def claim(self, job: ModelJob, worker: str) -> None:
        job.state, job.worker = "running", worker
        job.attempt += 1

    def write(self, job: ModelJob, what: str) -> None:
        self.effects.append((job.id, what))

    def end(self, job: ModelJob, act: str) -> None:
        """Let the attempt that holds the job end as `act` says."""
        self.seen[act] += 1
        match act:
            case "succeed":
                self.write(job, job.what)
                job.state = "succeeded"
                self._free_next(job)
            case "say no":
                self.write(job, job.what)
                job.state = "succeeded"
                self._cancel_rest(job)
            case "say too late":
                job.state = "succeeded"
                self._cancel_rest(job)
            case "release":
                job.state, job.lost = "scheduled", 0
                job.deferrals += 1
            case "fail" if job.failures + 1 < TRIES:
                job.state, job.lost = "scheduled", 0
                job.failures += 1
            case _:  # the last failure, or "give up"
                job.failures += 1
                self._fail(job)

    def lose(self, job: ModelJob) -> None:
        job.lost += 1
        self.seen["lease lost"] += 1
        if job.lost < LOST_CAP:
            job.state = "scheduled"
        else:
            self.seen["lost too often"] += 1
            self._fail(job)

    def _fail(self, job: ModelJob) -> None:
        job.state = "failed"
        self._cancel_rest(job)
        if job.chain and not job.chain.undone:
            undos = [link for link in reversed(job.chain.links) if link.state == "succeeded" and link.undo]
            if undos:
                job.chain.undone = True
                self.seen["chain undone"] += 1
                states = ["scheduled", *["blocked"] * (len(undos) - 1)]
                self.unborn.append(
                    tuple((str(link.undo), link.what, state) for link, state in zip(undos, states, strict=True))
                )
        if job.name == "work_and_tell":
            self.unborn.append((("tell", job.what, "scheduled"),))

    def _free_next(self, job: ModelJob) -> None:
        if job.chain:
            place = job.chain.links.index(job) + 1
            for following in job.chain.links[place : place + 1]:
                following.state = "scheduled"

    def _cancel_rest(self, job: ModelJob) -> None:
        for link in job.chain.links if job.chain else ():
            if link.state == "blocked":
                link.state = "cancelled"

    def born(self, rows: list[tuple[UUID, UUID | None, str, str, str]]) -> None:
        """Meet the jobs that the ledger made by itself: (id, chain, name, what, state), in the order of their links."""
        families: dict[UUID, list[tuple[UUID, str, str, str]]] = {}
        for job_id, chain_id, name, what, state in rows:
            families.setdefault(chain_id or job_id, []).append((job_id, name, what, state))
        found = Counter(tuple((name, what, state) for _, name, what, state in family) for family in families.values())
        assert found == Counter(self.unborn), (found, self.unborn)
        self.unborn.clear()
        for key, family in families.items():
            chain = ModelChain() if key != family[0][0] else None
            for job_id, name, what, state in family:
                job = self.add(job_id, name, what)
                job.state, job.chain = state, chain
                if chain is not None:
                    chain.links.append(job)
