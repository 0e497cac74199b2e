"""The ledger's own jobs for batches: one is a batch's link in a chain, one ends what a cancelled batch leaves."""

from uuid import UUID

from shared.db.transaction import Transaction
from shared.jobs import batch_sql, failure
from shared.jobs.batch import BatchState, count
from shared.jobs.ending import call_next, succeed
from shared.jobs.job import job
from shared.jobs.outcomes import Fail, Release
from shared.jobs.running import Claimed, Running, fenced
from shared.nudge import nudge

WAITING = ("scheduled", "queued")
AT_ONCE = 500  # members cancelled in one transaction
LONGEST_REST = 30  # seconds until the members are looked at again, at most


@job(queue="default", tries=None, backoff=(1, 5, 30), timeout=10)
def begin_batch(job: Running, batch_id: UUID) -> None:
    """Let the members of a batch begin that is a link of a chain; when they have ended, end as they did."""
    with fenced(job.connection, job.claimed) as tx:
        tx.execute(batch_sql.LOCK_CALLER, (job.id,))
        tx.execute(batch_sql.BEGIN, (batch_id,))
        tx.execute(batch_sql.END_IF_EMPTY, {"batch": batch_id})
        tx.execute(batch_sql.CALL, {"batch": batch_id})
        _end_link(tx, job.claimed, BatchState(*tx.one(batch_sql.LOCK, (batch_id,))))
    job.finished = True
    nudge()


def _end_link(tx: Transaction, claimed: Claimed, batch: BatchState) -> None:
    if batch.finished_at is None:
        failure.wait(tx, claimed, "its batch runs")
    elif batch.lets_go_on:
        succeed(tx, claimed)
    elif batch.failed:
        raise Fail(f"{batch.failed} of {batch.total} jobs of its batch failed")
    else:
        failure.cancel(tx, claimed, "its batch was cancelled")


@job(queue="default", tries=None, backoff=(1, 5, 30), timeout=60)
def end_cancelled_batch(job: Running, batch_id: UUID, also_running: bool) -> None:
    """Cancel the members that wait; of a chain whose link runs on, the rest when that one has ended."""
    states = [*WAITING, "running"] if also_running else list(WAITING)
    while True:
        with job.transaction() as tx:
            if cancel_members(tx, batch_id, states) < AT_ONCE:
                break
    with job.finishing() as tx:
        if tx.one(batch_sql.LEFT, {"batch": batch_id, "states": states}) is not None:
            raise Release(min(job.attempt, LONGEST_REST), "chains among its members have not ended")
        tx.execute(batch_sql.END_IF_EMPTY, {"batch": batch_id})
        tx.execute(batch_sql.CALL, {"batch": batch_id})


def cancel_members(tx: Transaction, batch_id: UUID, states: list[str]) -> int:
    """Cancel some of those in these states, and end their chains; return how many they were."""
    ended = tx.all(batch_sql.CANCEL_MEMBERS, {"batch": batch_id, "states": states, "at_once": AT_ONCE})
    rest = 0
    for member in ended:
        if member.chain_id is not None:
            rest += failure.end_chain(tx, member, f"{member.name} was cancelled with its batch")
        if member.serial_key is not None:
            call_next(tx, member.serial_key)
    count(tx, batch_id, ended=len(ended) + rest, cancelled=len(ended) + rest)
    return len(ended)
