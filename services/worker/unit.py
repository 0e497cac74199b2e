"""A worker unit: one process that runs the jobs of some queues on a few threads."""

import os
import secrets
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import dramatiq
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.config import settings
from shared.db.engine import connect
from shared.jobs import reaper, sql, workers_sql
from shared.jobs.broker import LedgerBroker, WorkQueue
from shared.jobs.consumer import WAIT, LedgerConsumer
from shared.jobs.heartbeat import Heartbeat

log = structlog.get_logger()

STOP_WITHIN = 20.0  # seconds a stopping unit gives its running jobs


@dataclass
class Unit:
    """What a unit is; `run()` until `stop()`."""

    name: str
    queues: Sequence[str]
    threads: int
    stop_within: float = STOP_WITHIN
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    def __post_init__(self) -> None:
        self.id = f"{self.name}@{self.host}/{self.pid}-{secrets.token_hex(3)}"
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        """Announce, take over from a dead predecessor, work until stopped, give back what is not done in time."""
        self._announce()
        heartbeat = Heartbeat(self.id)
        consumer = LedgerConsumer(self._redis(), self.id, self.queues, self.threads, heartbeat)
        worker = dramatiq.Worker(LedgerBroker(consumer), worker_threads=self.threads, worker_timeout=100)
        worker.work_queue = WorkQueue()  # type: ignore[assignment]  # it has what Dramatiq asks of it
        heartbeat.start()
        worker.broker.emit_after("process_boot")  # starts the time limits
        worker.start()
        log.info("unit started", unit=self.name, queues=list(self.queues), threads=self.threads)
        while not self._stopped.wait(1) and not heartbeat.hung():
            pass
        if heartbeat.hung():  # only a new process has all its threads: whoever started this one starts it again
            log.error("a job hangs and cannot be interrupted: the unit ends", alert="job_hung", unit=self.name)
        consumer.stop()
        log.info("unit stops", unit=self.name)
        worker.stop(timeout=int(self.stop_within * 1000))
        self._leave(heartbeat)

    def _announce(self) -> None:
        me = {"id": self.id, "unit": self.name, "host": self.host, "pid": self.pid}
        with connect() as connection:
            connection.execute(workers_sql.ANNOUNCE, {**me, "queues": list(self.queues), "threads": self.threads})
            rows = connection.execute(workers_sql.PREDECESSORS, (self.name, self.host, self.id)).fetchall()
            if dead := [row.id for row in rows if row.pid == self.pid or not _alive(row.pid)]:
                given_back = reaper.reap_workers(connection, dead)
                for worker in dead:
                    connection.execute(workers_sql.GONE, (worker,))
                log.info("took over from a dead unit", unit=self.name, jobs=given_back)

    def _leave(self, heartbeat: Heartbeat) -> None:
        """Give back what did not end in time: its attempt is fenced from now on."""
        heartbeat.stop()
        with connect() as connection:
            if left := [job_id for job_id, _ in heartbeat.held()]:
                connection.execute(sql.GIVE_BACK, {"worker": self.id, "ids": left, "error": "its worker was stopped"})
            connection.execute(workers_sql.GONE, (self.id,))
        log.info("unit stopped", unit=self.name, given_back=len(left))

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(
            settings().redis_url, socket_timeout=WAIT + 2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
