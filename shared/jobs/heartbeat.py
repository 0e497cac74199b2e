"""Keep the leases of what this process is running, stop what was taken from it, and its row among the live workers."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from shared.config import settings
from shared.db.engine import Connection, connect
from shared.jobs import sql, workers_sql
from shared.jobs.interrupt import Attempt, interrupt
from shared.jobs.job import REGISTRY
from shared.jobs.running import Claimed

ENDED_BY_OTHERS = ("cancelled", "forgotten")  # of attempts only a batch's link ends its own job so, at its very end

log = structlog.get_logger()

WATCH = 0.25  # seconds between looks whether something that runs for longer was cancelled, or is another's by now
GRACE = 10.0  # seconds after its time limit until a job that hangs is left to its lease


@dataclass(frozen=True, slots=True)
class Held:
    """Since when an attempt is held, and until when its lease is extended; by the monotonic clock."""

    since: float
    until: float


class Heartbeat:
    """Extends the (id, attempt) pairs it was given, three times in a lease; never "all that is mine"."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._held: dict[Attempt, Held] = {}
        self._missed: set[Attempt] = set()  # looked like another's when last seen
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def hold(self, claimed: Claimed) -> None:
        kind = REGISTRY.get(claimed.name)
        now = time.monotonic()
        held = Held(now, now + (kind.timeout if kind else 0) + GRACE)
        with self._lock:
            self._held[claimed.id, claimed.attempt] = held

    def let_go(self, claimed: Claimed) -> None:
        with self._lock:
            self._held.pop((claimed.id, claimed.attempt), None)

    def held(self, *, longer_than: float = 0) -> list[Attempt]:
        """Return what is held, for so many seconds, and may still be extended."""
        now = time.monotonic()
        with self._lock:
            return [pair for pair, held in self._held.items() if held.since + longer_than <= now < held.until]

    def hung(self) -> bool:
        """Tell whether a job here ran past its limit and could not be interrupted: its thread is lost."""
        with self._lock:
            return any(held.until <= time.monotonic() for held in self._held.values())

    def _run(self) -> None:
        connection: Connection | None = None
        beat_at = 0.0
        while not self._stopped.wait(WATCH):
            try:
                if connection is None or connection.closed:
                    connection = connect(durable=False, by_key=True)
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + settings().lease_seconds / 3 - WATCH / 2
                    self.beat(connection)
                self.watch(connection)
            except psycopg.Error:
                log.warning("heartbeat failed", exc_info=True)
        if connection is not None:
            connection.close()

    def beat(self, connection: Connection) -> None:
        connection.execute(workers_sql.SEEN, (self._worker,))
        if pairs := self.held():
            lease = settings().lease_seconds
            connection.execute(sql.HEARTBEAT, {**_columns(pairs), "lease": lease})

    def watch(self, connection: Connection) -> None:
        """Interrupt what was cancelled, and what is another's at two looks in a row: at one it may just be ending."""
        pairs = self.held(longer_than=WATCH)
        taken = connection.execute(sql.TAKEN_AWAY, _columns(pairs)).fetchall() if pairs else []
        missed = {(row.id, row.attempt) for row in taken}
        for row in taken:
            pair = (row.id, row.attempt)
            if (row.state in ENDED_BY_OTHERS or pair in self._missed) and interrupt(pair):
                log.warning("job interrupted", id=str(row.id), attempt=row.attempt, state=row.state)
        self._missed = missed


def _columns(pairs: Sequence[Attempt]) -> dict[str, list[Any]]:
    return {"ids": [job_id for job_id, _ in pairs], "attempts": [attempt for _, attempt in pairs]}
