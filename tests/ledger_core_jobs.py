"""Jobs for the tests of batches, serial keys, cancelling and pausing; `tests/ledger_process.py` runs them too."""

import time
from uuid import UUID

from shared.db.transaction import Transaction
from shared.jobs.batch import add_members, cancel_batch
from shared.jobs.job import job
from shared.jobs.outcomes import Release, Skip
from shared.jobs.process import run_program
from shared.jobs.running import Running
from tests.ledger_jobs import NOTE, write_down

IS_MENDED = "select 1 from ran where what = %s"


@job(queue="default", tries=1)
def fit(job: Running, tx: Transaction, what: str) -> None:
    """Fail until somebody has written down that it was mended."""
    if tx.one(IS_MENDED, (f"mended {what}",)) is None:
        raise RuntimeError(f"{what} does not fit")
    tx.execute(NOTE, (job.id, what))


@job(queue="default")
def unpack(job: Running, tx: Transaction, what: str, pieces: int) -> None:
    """Find more to do for its batch."""
    assert job.batch_id is not None
    took = add_members(tx, job.batch_id, *(write_down.message(f"{what} {number}") for number in range(pieces)))
    tx.execute(NOTE, (job.id, f"unpacked {what}" if took else f"too late for {what}"))


@job(queue="default")
def call_off(job: Running, tx: Transaction, why: str) -> None:
    """Cancel the batch that it is a member of."""
    assert job.batch_id is not None
    cancel_batch(tx, job.batch_id, why)
    tx.execute(NOTE, (job.id, f"called off: {why}"))


@job(queue="default", unique=lambda what: what, unique_until_started=True)
def sweep_up(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"swept {what}"))


@job(queue="default")
def undo_batch(job: Running, tx: Transaction, batch_id: UUID) -> None:
    tx.execute(NOTE, (job.id, f"undo batch {batch_id}"))


# --- one at a time ---


@job(queue="default", tries=3, backoff=(0.05,), serial=lambda key, _: key)
def queue_up(job: Running, key: str, what: str) -> None:
    """Show when it runs: with a begin and an end."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {key}"))
    time.sleep(0.002)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, f"end {key} {what}"))


@job(queue="other", tries=3, backoff=(0.05,), serial=lambda key, _: key)
def queue_up_elsewhere(job: Running, key: str, what: str) -> None:
    """Be another kind, of another queue, with the same keys."""
    queue_up.function(job, key, what)


@job(queue="default", tries=2, backoff=(0.3,), serial=lambda key, _: key)
def stumble_in_line(job: Running, tx: Transaction, key: str, what: str) -> None:
    """Fail the first time."""
    if job.attempt == 1:
        raise RuntimeError(f"{what} tripped in the line of {key}")
    tx.execute(NOTE, (job.id, f"end {key} {what}"))


@job(queue="default", serial=lambda key, _: key)
def pass_by(job: Running, tx: Transaction, key: str, number: int) -> None:
    """Be done as soon as possible."""
    tx.execute(NOTE, (job.id, f"passed {key} {number}"))


@job(queue="default", tries=1, serial=lambda key, _: key)
def leave_the_line(key: str, how: str) -> None:
    match how:
        case "fail":
            raise RuntimeError(f"no more of {key}")
        case "skip":
            raise Skip(f"nothing to do for {key}")
        case "release":
            raise Release(0.2, "the shop is closed")


# --- what takes long ---


@job(queue="default", timeout=60)
def run_family(job: Running, mark: str) -> None:
    """Run a program that starts one of its own; `mark` stands in both command lines."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {mark}"))
    run_program(["sh", "-c", "sleep 60 & sleep 60; : $0", mark])


@job(queue="default", timeout=1, tries=1)
def run_family_too_long(job: Running, mark: str) -> None:
    run_family.function(job, mark)


@job(queue="default", timeout=60)
def stare(job: Running, what: str, seconds: float) -> None:
    """Take a while in short steps, and say how far it is."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {what}"))
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        job.progress(round(100 * (1 - left / seconds)))
        time.sleep(0.01)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, f"end {what}"))
