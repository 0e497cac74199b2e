"""The Dramatiq broker of the ledger: Redis lists that hold only ids, and may lose, repeat or forget them."""

from queue import SimpleQueue
from typing import Any

import dramatiq
from dramatiq.middleware import TimeLimit

from shared.jobs.consumer import UNIT, UNKNOWN, LedgerConsumer
from shared.jobs.job import REGISTRY
from shared.jobs.runner import run


class WorkQueue(SimpleQueue[Any]):
    """What Dramatiq's threads take their work from, in order; its own queue costs a third of a small job."""

    def task_done(self) -> None:
        """Dramatiq says so; nobody counts."""


class LedgerBroker(dramatiq.Broker):
    """Dramatiq's threads, time limits and stopping around the ledger's claims.

    Its delay queue, acks, retries and heartbeats are not used: the row in PostgreSQL is what is certain, so a message
    is taken from Redis for good, and one that gets lost is found by its row.
    """

    def __init__(self, consumer: LedgerConsumer) -> None:
        super().__init__(middleware=[TimeLimit(interval=250)])
        self._consumer = consumer
        self.queues: dict[str, Any] = {}
        self._declare(UNKNOWN, 10)
        for kind in REGISTRY.values():
            self._declare(kind.name, kind.timeout)

    def _declare(self, name: str, timeout: float) -> None:
        options = {"time_limit": int(timeout * 1000)}
        dramatiq.Actor(run, broker=self, actor_name=name, queue_name=UNIT, priority=0, options=options)

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> LedgerConsumer:
        del queue_name, prefetch, timeout  # the one consumer knows its queues and its free threads
        return self._consumer

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        del delay
        raise TypeError(f"{message.actor_name} is a job: dispatch it in a transaction")
