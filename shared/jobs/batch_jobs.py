"""The ledger's own jobs for batches: one lets a batch begin, one ends what a cancelled batch leaves."""

from uuid import UUID

from shared.db.transaction import Transaction
from shared.jobs import batch_sql
from shared.jobs.batch import count, find_batch
from shared.jobs.ending import call_next
from shared.jobs.job import job
from shared.jobs.outcomes import Release
from shared.jobs.running import Running

WAITING = ("blocked", "scheduled", "queued")
A_WHILE = 1.0  # seconds until it is asked again whether the last running member has ended


@job(queue="default", tries=None, backoff=(1, 5, 30), timeout=10)
def begin_batch(tx: Transaction, batch_id: UUID) -> None:
    """Let the members of a batch begin that is a link of a chain."""
    tx.wakes = True
    tx.execute(batch_sql.BEGIN, (batch_id,))
    tx.execute(batch_sql.END_IF_EMPTY, {"batch": batch_id})


@job(queue="default", tries=None, backoff=(1, 5, 30), timeout=10)
def end_cancelled_batch(job: Running, batch_id: UUID, also_running: bool) -> None:
    """Cancel the members that wait; once the last one has ended, end the chain that the batch was a link of."""
    from shared.jobs.failure import end_chain  # noqa: PLC0415 - failure.py needs this module

    with job.transaction() as tx:
        cancel_members(tx, batch_id, (*WAITING, "running") if also_running else WAITING)
        batch = find_batch(tx, batch_id)
    if batch is None or batch.cancelled_at is None:
        return
    if batch.finished_at is None:
        raise Release(A_WHILE, f"{batch.pending} members of its batch still run")
    with job.finishing() as tx:
        if batch.chain_id is not None:
            end_chain(tx, batch.chain_id, f"its batch {batch.name or batch_id} was cancelled")


def cancel_members(tx: Transaction, batch_id: UUID, states: tuple[str, ...]) -> None:
    cancelled = tx.all(batch_sql.CANCEL_MEMBERS, {"batch": batch_id, "states": list(states)})
    for member in cancelled:
        if member.serial_key is not None:
            call_next(tx, member)
    count(tx, batch_id, ended=len(cancelled), cancelled=len(cancelled))
