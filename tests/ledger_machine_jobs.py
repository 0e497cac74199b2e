"""The jobs of the ledger's state machine: each does what the script says."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.db.transaction import Transaction
from shared.jobs.job import JobType, job
from shared.jobs.outcomes import EndChain, Fail, Release
from shared.jobs.running import Running
from tests.ledger_jobs import NOTE
from tests.ledger_model import TRIES

QUEUE = "machine"
ACTS = ("succeed", "succeed", "succeed", "fail", "fail", "give up", "release", "say no", "say too late")


@dataclass
class Script:
    """What the attempt that runs next does."""

    act: str = "succeed"
    between: Callable[[], None] | None = None  # in the middle of a job with two transactions


script = Script()


def play(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))
    match script.act:
        case "fail":
            raise RuntimeError("the walnut-desk fell")
        case "give up":
            raise Fail("no walnut in the whole town")
        case "release":
            raise Release(0, "the lane is busy")
        case "say too late":
            raise EndChain("too late")
        case "say no":
            job.end_chain("no")


@job(queue=QUEUE, tries=TRIES, backoff=(0,))
def work(job: Running, tx: Transaction, what: str) -> None:
    play(job, tx, what)


@job(queue=QUEUE, tries=TRIES, backoff=(0,))
def tell(job: Running, tx: Transaction, what: str) -> None:
    play(job, tx, what)


@job(queue=QUEUE, tries=TRIES, backoff=(0,), failed=lambda what, _: tell.message(what))
def work_and_tell(job: Running, tx: Transaction, what: str) -> None:
    play(job, tx, what)


@job(queue=QUEUE, tries=TRIES, backoff=(0,), unique=lambda what: what)
def work_alone(job: Running, tx: Transaction, what: str) -> None:
    play(job, tx, what)


@job(queue=QUEUE, tries=TRIES, backoff=(0,))
def work_in_two(job: Running, what: str) -> None:
    """Write, do something outside, write again."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {what}"))
    if script.between is not None:
        script.between()
    with job.finishing() as tx:
        play(job, tx, what)


@job(queue=QUEUE, tries=TRIES, backoff=(0,))
def undo_work(job: Running, tx: Transaction, what: str) -> None:
    play(job, tx, what)


@job(queue=QUEUE, tries=TRIES, backoff=(0,))
def undo_work_in_two(job: Running, tx: Transaction, what: str) -> None:
    play(job, tx, what)


#: By their names, which read better than they do where Hypothesis tells what happened.
KINDS = {kind.name: kind for kind in (work, work_and_tell, work_in_two)}
LINKS: dict[str, tuple[JobType, JobType | None]] = {
    "work": (work, undo_work),
    "work_in_two": (work_in_two, undo_work_in_two),
    "work_and_tell": (work_and_tell, None),
}
