"""What follows when a job has ended: the rest of its chain, its batch, and who waits for its serial key."""

from collections import Counter
from collections.abc import Iterable
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
    finish = sql.FINISH_THE_LAST if ends_chain else sql.FINISH
    tx.execute(finish, {"id": job.id, "attempt": job.attempt, "reason": reason})
    rest = cancel_rest(tx, job.chain_id, reason) if ends_chain and job.chain_id is not None else 0
    let_go(tx, job, ended=1 + rest)


def let_go(tx: Transaction, job: Any, *, ended: int = 1, failed: int = 0, cancelled: int = 0) -> None:
    """Call the next one of an ended job's serial key, and count it in its batch.

    job: a Claimed, or a row with its id, batch_id and serial_key. Its own row is changed before, in this transaction.
    ended: how many of the batch's members, with the links that will not run any more.
    """
    if job.serial_key is not None:
        call_next(tx, job.serial_key)
    if job.batch_id is not None:
        count(tx, job.batch_id, ended=ended, failed=failed, cancelled=cancelled)


def let_go_of(tx: Transaction, ended: Iterable[tuple[Any, int]]) -> None:
    """Do so for several that were cancelled, each with its links: jobs first, then batches, as everybody does."""
    batches: Counter[UUID] = Counter()
    for job, members in ended:
        if job.serial_key is not None:
            call_next(tx, job.serial_key)
        if job.batch_id is not None:
            batches[job.batch_id] += members
    for batch_id, members in sorted(batches.items()):
        count(tx, batch_id, ended=members, cancelled=members)


def call_next(tx: Transaction, serial_key: str) -> None:
    tx.wakes = True
    tx.execute(sql.CALL_NEXT, {"key": serial_key})


def cancel_rest(tx: Transaction, chain_id: UUID, reason: str | None) -> int:
    """Cancel what waits in a chain, also a batch that has not begun; return how many links that were."""
    rest = tx.all(sql.CANCEL_REST, {"chain": chain_id, "reason": reason})
    for link in rest:
        if link.name == BEGIN_BATCH:
            cancel_batch(tx, UUID(link.args[0]), reason or "")
    return len(rest)
