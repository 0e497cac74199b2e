"""Jobs that only tests have; `tests/ledger_process.py` runs them."""

import os
import signal
import time

from shared.db.transaction import Transaction
from shared.jobs.job import job
from shared.jobs.outcomes import EndChain, Release
from shared.jobs.running import Running

NOTE = "insert into ran (job, what) values (%s, %s)"
SCHEMA = (
    "create table ran (id bigserial primary key, job uuid, what text, at timestamptz default clock_timestamp())",
    "create table locked (id int primary key)",
)


@job(queue="default", tries=3, backoff=(0.1,))
def write_down(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(queue="default")
def cross_out(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"undo {what}"))


@job(queue="default", tries=3, backoff=(0.05, 0.1))
def stumble(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))
    raise RuntimeError("ليلى tripped over the walnut-desk")


@job(queue="default", tries=1, failed=lambda what, error: write_down.message(f"failed {what}: {error}"))
def break_down(what: str) -> None:
    raise RuntimeError(f"{what} broke")


@job(queue="default")
def say_no(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"no to {what}"))
    job.end_chain("out of walnut")


@job(queue="default")
def say_too_late(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, "rolled back"))
    raise EndChain(f"too late for {what}")


@job(queue="default", tries=1)
def step_aside(job: Running, what: str) -> None:
    if job.attempt < 3:
        raise Release(0.05, "the lane is busy")
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, what))


@job(queue="default", tries=1, timeout=0.5)
def dawdle(what: str) -> None:
    while what:
        time.sleep(0.01)


@job(queue="default")
def kill_the_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@job(queue="default", timeout=30)
def wait_inside(job: Running, what: str, seconds: float) -> None:
    """Sleep between the two transactions of a job with an outside effect."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {what}"))
    time.sleep(seconds)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, f"end {what}"))


@job(queue="default", timeout=30)
def freeze_in_finishing(job: Running, what: str, row: int) -> None:
    with job.finishing() as tx:
        tx.one("select 1 from locked where id = %s for update", (row,))
        if job.attempt == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        tx.execute(NOTE, (job.id, what))


@job(queue="default")
def do_nothing() -> None:
    """Nothing at all, as fast as it goes."""
