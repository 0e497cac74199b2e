"""Keep the leases of what this process is running, and its own row among the live workers."""

import threading
import time
from uuid import UUID

import psycopg
import structlog

from shared.config import settings
from shared.db.engine import Connection, connect
from shared.jobs import sql
from shared.jobs.job import REGISTRY
from shared.jobs.running import Claimed

log = structlog.get_logger()

GRACE = 10.0  # seconds after its time limit until a job that hangs is left to its lease


class Heartbeat:
    """Extends the (id, attempt) pairs it was given, three times in a lease; never "all that is mine"."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._held: dict[tuple[UUID, int], float] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def hold(self, claimed: Claimed) -> None:
        kind = REGISTRY.get(claimed.name)
        limit = (kind.timeout if kind else 0) + GRACE
        with self._lock:
            self._held[claimed.id, claimed.attempt] = time.monotonic() + limit

    def let_go(self, claimed: Claimed) -> None:
        with self._lock:
            self._held.pop((claimed.id, claimed.attempt), None)

    def held(self) -> list[tuple[UUID, int]]:
        """Return what is held and may still be extended."""
        with self._lock:
            return [pair for pair, until in self._held.items() if until > time.monotonic()]

    def hung(self) -> bool:
        """Tell whether a job here ran past its limit and could not be interrupted: its thread is lost."""
        with self._lock:
            return any(until <= time.monotonic() for until in self._held.values())

    def _run(self) -> None:
        connection: Connection | None = None
        while not self._stopped.wait(settings().lease_seconds / 3):
            try:
                if connection is None or connection.closed:
                    connection = connect(durable=False, by_key=True)
                self.beat(connection)
            except psycopg.Error:
                log.warning("heartbeat failed", exc_info=True)
        if connection is not None:
            connection.close()

    def beat(self, connection: Connection) -> None:
        connection.execute(sql.SEEN, (self._worker,))
        if pairs := self.held():
            ids, attempts = zip(*pairs, strict=True)
            lease = settings().lease_seconds
            connection.execute(sql.HEARTBEAT, {"ids": list(ids), "attempts": list(attempts), "lease": lease})
