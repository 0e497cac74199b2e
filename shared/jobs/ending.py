"""What follows when a job has ended: the rest of its chain, its batch, and who waits for its serial key."""

from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.jobs import sql
from shared.jobs.batch import cancel_batch, count

BEGIN_BATCH = "begin_batch"  # the link that stands for a batch


def succeed(tx: Transaction, job: Any, reason: str | None = None, *, ends_chain: bool = False) -> None:
    """End an attempt well. ends_chain: by a business "no", after which the rest of its chain is not wanted.

    job: a Claimed.
    """
    rest = cancel_rest(tx, job.chain_id, reason) if ends_chain and job.chain_id is not None else 0
    tx.execute(sql.FINISH, {"id": job.id, "attempt": job.attempt, "reason": reason})
    let_go(tx, job, ended=1 + rest)


def let_go(tx: Transaction, job: Any, *, ended: int = 1, failed: int = 0, cancelled: int = 0) -> None:
    """Count a job that has ended in its batch, and call the next one of its serial key.

    job: a Claimed, or a row with its id, batch_id and serial_key.
    ended: how many of the batch's members, with the links that will not run any more.
    """
    if job.batch_id is not None:
        count(tx, job.batch_id, ended=ended, failed=failed, cancelled=cancelled)
    if job.serial_key is not None:
        call_next(tx, job)


def call_next(tx: Transaction, job: Any) -> None:
    tx.wakes = True
    tx.execute(sql.CALL_NEXT, {"key": job.serial_key, "id": job.id})


def cancel_rest(tx: Transaction, chain_id: UUID, reason: str | None) -> int:
    """Cancel what waits in a chain, also a batch that has not begun; return how many links that were."""
    rest = tx.all(sql.CANCEL_REST, {"chain": chain_id, "reason": reason})
    for link in rest:
        if link.name == BEGIN_BATCH:
            cancel_batch(tx, UUID(link.args[0]), reason or "")
    return len(rest)
