"""How a worker process gets its jobs: pop ids for its free threads and claim them in one statement."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import dramatiq
import psycopg
import redis
import structlog

from shared.db.engine import Connection, connect
from shared.jobs import lists
from shared.jobs.claim import claim, take_back, unclaimed
from shared.jobs.heartbeat import Heartbeat
from shared.jobs.job import REGISTRY
from shared.jobs.running import Claimed

log = structlog.get_logger()

UNIT = "unit"  # one Dramatiq queue for each process: its consumer reads the unit's queues, the first one first
UNKNOWN = "unknown job"

WAIT = 0.5  # seconds in one blocking pop; a stopping worker waits as long
GATHER = 0.002  # seconds to wait until half of the threads are free, so that claims come in batches
REST_AFTER_ERROR = 0.2
PATIENCE_WITH_SUSPECTS = 2.0  # seconds to wait for a quiet moment, and again to keep it quiet; then the others go on
SUSPECTS_REST = 1.0  # seconds until a suspect for which there was no quiet moment is handed over again


class LedgerConsumer(dramatiq.Consumer):
    """The one consumer of a worker process."""

    def __init__(
        self, client: redis.Redis, worker: str, queues: Sequence[str], threads: int, heartbeat: Heartbeat
    ) -> None:
        self._redis = client
        self._worker = worker
        self._queues = queues
        self._threads = threads
        self._heartbeat = heartbeat
        self._free = threads
        self._enough = 1  # free threads that are waited for
        self._change = threading.Condition()
        self._ready: deque[Claimed] = deque()
        self._suspects: deque[UUID] = deque()  # have lost a lease before: each is claimed and run alone
        self._quiet_until = 0.0  # a suspect runs: nothing else is taken meanwhile
        self._stopping = threading.Event()
        self._connection: Connection | None = None

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping.set()

    def __next__(self) -> dramatiq.MessageProxy | None:
        if not self._ready:
            try:
                self._ready.extend(self._take())
            except (redis.RedisError, psycopg.Error):
                log.warning("cannot take jobs", exc_info=True)
                time.sleep(REST_AFTER_ERROR)
        return _message(self._ready.popleft()) if self._ready else None

    def ack(self, message: dramatiq.MessageProxy) -> None:
        """Free the thread; there is nothing to tell Redis, the row says how it ended."""
        self._heartbeat.let_go(message.args[0])
        with self._change:
            self._free += 1
            if self._free >= self._enough:  # waking the consumer for less would cost every job a switch of threads
                self._change.notify()

    nack = ack

    def requeue(self, messages: Iterable[dramatiq.MessageProxy]) -> None:
        """Claimed, but never started: their leases run out. (Not reached: a thread is free for each claim.)"""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> list[Claimed]:
        free = self._wait_for_threads()
        if self._stopping.is_set():
            time.sleep(WAIT / 10)
            return []
        if not free:
            return []
        if self._suspects:
            return self._claim_alone(free)
        ids = lists.pop(self._redis, self._queues, free, WAIT)
        if not ids:
            return []
        if self._stopping.is_set():
            take_back(self._database(), ids)
            return []
        return self._claim(ids)

    def _wait_for_threads(self) -> int:
        """Return how many threads are free; wait for all of them, but not for ever, before and while a suspect runs."""
        with self._change:
            if self._suspects:
                self._wait_for(self._threads, PATIENCE_WITH_SUSPECTS)
            elif (left := self._quiet_until - time.monotonic()) > 0:
                self._wait_for(self._threads, min(left, WAIT))
                if self._free < self._threads and time.monotonic() < self._quiet_until:
                    return 0
            self._wait_for(1, WAIT)
            self._wait_for(self._threads // 2, GATHER)
            return self._free

    def _wait_for(self, enough: int, seconds: float) -> bool:
        """Wait until so many threads are free; the condition is held."""
        self._enough = enough
        return self._change.wait_for(lambda: self._free >= enough, seconds)

    def _claim(self, ids: Sequence[UUID]) -> list[Claimed]:
        claimed = self._hold(claim(self._database(), self._worker, ids))
        if len(claimed) < len(ids):
            got = {attempt.id for attempt in claimed}
            suspects, paused = unclaimed(self._database(), [i for i in ids if i not in got])
            self._suspects.extend(suspects)
            take_back(self._database(), paused)
        return claimed

    def _claim_alone(self, free: int) -> list[Claimed]:
        """Claim one suspect if nothing else runs here; otherwise leave all to another unit, or a quieter moment."""
        if free < self._threads:
            take_back(self._database(), list(self._suspects), SUSPECTS_REST)
            self._suspects.clear()
            return []
        claimed = self._hold(claim(self._database(), self._worker, [self._suspects.popleft()], alone=True))
        if claimed:
            self._quiet_until = time.monotonic() + PATIENCE_WITH_SUSPECTS
        return claimed

    def _hold(self, claimed: list[Claimed]) -> list[Claimed]:
        for attempt in claimed:
            self._heartbeat.hold(attempt)
        with self._change:
            self._free -= len(claimed)
        return claimed

    def _database(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(durable=False, by_key=True)
        return self._connection


def _message(claimed: Claimed) -> dramatiq.MessageProxy:
    """Wrap an attempt for Dramatiq's threads; it never leaves this process."""
    name = claimed.name if claimed.name in REGISTRY else UNKNOWN
    message: dramatiq.Message[Any] = dramatiq.Message(
        queue_name=UNIT, actor_name=name, args=(claimed,), kwargs={}, options={}, message_id=str(claimed.id)
    )
    return dramatiq.MessageProxy(message)
