"""`without_overlapping`: of the jobs that share a key one runs at a time; a lock lives as long as its attempt runs.

There is no time after which a lock lapses: it is one with the lease of the job that holds it.
"""

from collections.abc import Callable

from shared.db.sql import pruning
from shared.db.transaction import Transaction, transaction
from shared.jobs import middleware_sql as sql
from shared.jobs.job import Middleware
from shared.jobs.middleware.aside import put_aside
from shared.jobs.running import Running

JITTER = 0.2  # of the wait


def without_overlapping(
    key: Callable[..., str] | None = None, *, shared: bool = False, retry_after: float = 5, skip: bool = False
) -> Middleware:
    """Put the job aside while another with its key runs.

    key: called with the job's arguments; without it all jobs of this kind share one.
    shared: the key is meant for jobs of every kind; otherwise it is for jobs of the same name.
    retry_after: seconds until it is tried again. Where many wait, `@job(serial=…)` calls them in their order instead.
    skip: it is skipped instead of put aside.
    """
    if shared and key is None:
        raise ValueError("a lock that jobs of every kind share needs a key")

    def layer(job: Running, proceed: Callable[[], None]) -> None:
        own = key(*job.arguments) if key else "all"
        name = own if shared else f"{job.name}:{own}"
        if holder := _take(job, name):
            reason = f"waits for {holder}, which holds {name}"
            raise put_aside(retry_after, reason, jitter=JITTER * retry_after, skip=skip)
        proceed()

    return layer


def _take(job: Running, name: str) -> str | None:
    """Take the lock, or tell which attempt has it and still runs."""
    with transaction(job.connection) as tx:
        tx.execute(sql.ONE_AT_A_TIME, (name,))
        if tx.one(sql.TAKE_LOCK, {"key": name, "id": job.id, "attempt": job.attempt}) is not None:
            return None
        holder = tx.one(sql.HOLDER, (name,))
    return f"{holder.name} {holder.id}"


def prune(tx: Transaction) -> bool:
    """Forget some of the locks whose holder runs no more; say whether there may be more."""
    return pruning.delete(tx, sql.PRUNE_LOCKS)
