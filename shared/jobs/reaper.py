"""Find what was left lying: leases of dead workers, and rows whose message Redis no longer has."""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

import redis
import structlog

from shared.config import settings
from shared.db.engine import Connection
from shared.db.transaction import Cause, Transaction, transaction
from shared.jobs import lists, sql
from shared.jobs.failure import follow_up

log = structlog.get_logger()


def reap(connection: Connection) -> int:
    """Return expired leases to the queue, or fail what has lost too many; returns how many there were."""
    with transaction(connection) as tx:
        return _lose(tx, tx.all(sql.EXPIRED), "its lease ran out")


def reap_workers(connection: Connection, workers: list[str]) -> int:
    """Return at once what these dead workers held."""
    with transaction(connection) as tx:
        return _lose(tx, tx.all(sql.OF_PREDECESSOR, (workers,)), "its worker died")


def _lose(tx: Transaction, rows: Iterable[Any], why: str) -> int:
    lost = 0
    for job in rows:
        if (broken := tx.attempt(partial(_lose_one, tx, job, f"{why} ({job.worker})"))) is not None:
            log.error("cannot end a lost attempt", job=f"{job.name}/{job.id}", exc_info=broken)
            continue  # the others' turn comes anyway
        lost += 1
        log.warning("lease lost", job=f"{job.name}/{job.id}", attempt=job.attempt, worker=job.worker)
    return lost


def _lose_one(tx: Transaction, job: Any, error: str) -> None:
    fence = {"id": job.id, "attempt": job.attempt, "due": job.available_at, "error": error}
    if job.lost + 1 < settings().lost_cap:
        tx.execute(sql.LOST, fence)
        return
    fence["error"] = f"{error}, {job.lost + 1} times: it may be what kills them"
    tx.execute(sql.LOST_TOO_OFTEN, fence)
    tx.cause = Cause(job.id, job.event_id, job.aggregate_id, job.traceparent)
    follow_up(tx, job, fence["error"])


def sweep(connection: Connection, client: redis.Redis) -> int:
    """Return rows that are `queued` for long and unknown to Redis to `scheduled`; returns how many.

    What a frozen or dead worker popped but did not claim looks the same, and is found by the same look.
    """
    rows = connection.execute(sql.LONG_QUEUED, (settings().lost_message_seconds,)).fetchall()
    by_queue: dict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        by_queue[row.queue].add(row.id)
    missing = [i for queue, ids in by_queue.items() for i in ids - lists.waiting(client, queue)]
    if missing:
        log.warning("messages lost", count=len(missing))
        connection.execute(sql.TAKE_BACK, (missing,))
    return len(missing)
