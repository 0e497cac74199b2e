"""Jobs with layers around them, that only tests have; `tests/middleware_process.py` runs them too."""

import time
from collections.abc import Callable
from datetime import timedelta

from shared.db.transaction import Transaction, transaction
from shared.jobs.batch import cancel_batch
from shared.jobs.job import job
from shared.jobs.middleware import (
    Limit,
    rate_limited,
    skip_if_batch_cancelled,
    skip_unless,
    skip_when,
    throttles_exceptions,
    without_overlapping,
)
from shared.jobs.outcomes import Fail, Release
from shared.jobs.running import Running
from tests.ledger_jobs import NOTE

Layer = Callable[[Running, Callable[[], None]], None]


def telling(name: str) -> Layer:
    """A layer that writes down when it begins and ends."""

    def layer(job: Running, proceed: Callable[[], None]) -> None:
        job.connection.execute(NOTE, (job.id, f"{name} begins"))
        proceed()
        job.connection.execute(NOTE, (job.id, f"{name} ends, {'finished' if job.finished else 'not finished'}"))

    return layer


def turn_away(job: Running, proceed: Callable[[], None]) -> None:
    """A layer that never goes on."""
    job.release(60, "the workshop is closed")
    proceed()


# --- layers as such ---


@job(tries=1, middleware=(telling("outer"), telling("inner")))
def sand(job: Running, tx: Transaction, what: str) -> None:
    """A job whose function runs in its finishing transaction."""
    tx.execute(NOTE, (job.id, f"sanded {what}"))


@job(tries=1, middleware=(telling("outer"),))
def varnish(job: Running, what: str) -> None:
    """A job with an outside call between two transactions of its own."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"varnishing {what}"))
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, f"varnished {what}"))


@job(tries=1, middleware=(telling("outer"),))
def look_at(what: str) -> None:
    """A job that writes nothing."""


@job(tries=1, middleware=(telling("outer"), turn_away, telling("inner")))
def never_begin(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


# --- skipping ---


def is_sold(what: str) -> str:
    return f"{what} is sold" if what == "walnut-desk" else ""


def is_open(what: str) -> bool:
    return what != "walnut-desk"


@job(tries=1, middleware=(skip_when(is_sold),))
def offer(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"offered {what}"))


@job(tries=1, middleware=(skip_unless(is_open),))
def show(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"showed {what}"))


def cancel_its_batch(job: Running, proceed: Callable[[], None]) -> None:
    """What somebody else may do between the claim and the start."""
    assert job.batch_id is not None
    with transaction(job.connection) as tx:
        cancel_batch(tx, job.batch_id, "ليلى changed her mind")
    proceed()


@job(tries=1, middleware=(cancel_its_batch, skip_if_batch_cancelled))
def cut(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"cut {what}"))


@job(tries=1, middleware=(skip_if_batch_cancelled,))
def alone(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"cut {what} alone"))


# --- one at a time ---


def polishing(job: Running, what: str, seconds: float) -> None:
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {what}"))
    time.sleep(seconds)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, f"end {what}"))


def of_what(what: str, *_: object) -> str:
    return what


@job(tries=1, timeout=30, middleware=(without_overlapping(retry_after=0.05),))
def polish(job: Running, what: str, seconds: float) -> None:
    polishing(job, what, seconds)


@job(tries=1, timeout=30, middleware=(without_overlapping(of_what, retry_after=0.05),))
def polish_one(job: Running, what: str, seconds: float) -> None:
    polishing(job, what, seconds)


@job(tries=1, middleware=(without_overlapping(of_what, shared=True, retry_after=0.05),))
def oil(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"oiled {what}"))


@job(tries=1, middleware=(without_overlapping(of_what, shared=True, retry_after=0.05),))
def wax(job: Running, what: str, seconds: float) -> None:
    polishing(job, what, seconds)


@job(tries=1, middleware=(without_overlapping(of_what, skip=True),))
def dust(job: Running, what: str, seconds: float) -> None:
    polishing(job, what, seconds)


runs: list[str] = []
BUSY = "do $$ begin raise exception 'could not serialize access' using errcode = '40001'; end $$"


@job(tries=1, middleware=(without_overlapping(), rate_limited(Limit("busy", 10)), throttles_exceptions(1)))
def meet_a_busy_database(job: Running, tx: Transaction, what: str) -> None:
    """PostgreSQL asks for its first run to be made again."""
    runs.append(what)
    tx.execute(NOTE, (job.id, f"run {len(runs)}"))
    if len(runs) == 1:
        tx.execute(BUSY)


# --- so many at a time ---


@job(tries=1, middleware=(rate_limited(Limit("carrier", 20)),))
def text(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(tries=1, middleware=(rate_limited(Limit("slow carrier", 1, seconds=60)),))
def text_slowly(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


def of_user(what: str) -> str:
    return f"user:{what}"


@job(tries=1, middleware=(rate_limited(Limit("house", 100), Limit(of_user, 1, seconds=60)),))
def call_up(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(tries=1, middleware=(rate_limited(Limit("postcard", 1, seconds=60), skip=True),))
def send_postcard(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(tries=1, middleware=(rate_limited(Limit("twice", 1), Limit(lambda _: "twice", 2)),))
def name_a_limit_twice(what: str) -> None:
    """Its limits can be told apart by nobody."""


@job(retry_until=timedelta(minutes=1), middleware=(rate_limited(Limit("hurried", 1, seconds=60)),))
def hurry(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


# --- circuit breakers ---

down: set[str] = set()  # what does not answer


class Unreachable(ConnectionError):
    """Nobody answers."""


def ring(what: str) -> None:
    if what in down:
        raise Unreachable(f"{what} does not answer")


@job(tries=9, backoff=(0,), middleware=(throttles_exceptions(2, within=60, rest=0.3, by=of_what),))
def ask(job: Running, tx: Transaction, what: str) -> None:
    ring(what)
    tx.execute(NOTE, (job.id, f"{what} answered"))


@job(tries=9, backoff=(0,), middleware=(throttles_exceptions(2, within=0.2, rest=60, by=of_what),))
def ask_now_and_then(job: Running, tx: Transaction, what: str) -> None:
    ring(what)
    tx.execute(NOTE, (job.id, f"{what} answered"))


@job(tries=1, middleware=(throttles_exceptions(1, rest=60, by="sawmill", when=(ConnectionError,)),))
def order_wood(what: str) -> None:
    ring(what)
    raise LookupError(f"there is no {what}")


@job(tries=1, middleware=(throttles_exceptions(1, rest=60, by="sawmill"),))
def order_planks(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"planks for {what}"))


@job(tries=1, middleware=(throttles_exceptions(1, rest=0.1, by="joiner"),))
def decide(how: str) -> None:
    """It ends as it likes; none of these is a failure."""
    match how:
        case "fail":
            raise Fail("cannot be repaired")
        case "release":
            raise Release(60, "later")
        case "break":
            raise RuntimeError("broke")


@job(tries=1, timeout=0.5, middleware=(throttles_exceptions(1, rest=60, by="dawdler", when=TimeoutError),))
def dawdle_in_a_circuit(what: str) -> None:
    while what:
        time.sleep(0.01)


@job(tries=1, timeout=30, middleware=(throttles_exceptions(1, rest=60, by="cancelled"),))
def wait_in_a_circuit(job: Running, what: str) -> None:
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {what}"))
    while what:
        time.sleep(0.01)
