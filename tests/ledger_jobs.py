"""Jobs that only tests have; `tests/ledger_process.py` runs them, and `Ledger.work` in the test's own process."""

import os
import signal
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from shared.db.transaction import Transaction
from shared.events.catalogue import OrderPlaced
from shared.events.expand import Listeners
from shared.jobs.chain import chain
from shared.jobs.collaborators import provide
from shared.jobs.job import Message, job
from shared.jobs.outcomes import EndChain, Release
from shared.jobs.running import Running

NOTE = "insert into ran (job, what) values (%s, %s)"
SCHEMA = """
create table if not exists ran (id bigserial primary key, job uuid, what text);
create table if not exists locked (id int primary key, touched int default 0);
insert into locked (id) values (1) on conflict do nothing
"""

# --- what goes well ---


@job(queue="default", tries=3, backoff=(0.1,))
def write_down(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(queue="default")
def carve(job: Running, what: str) -> None:
    """Take a moment, so that a crash meets it at work."""
    time.sleep(0.02)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, what))


@job(queue="default")
def do_nothing() -> None:
    """Nothing at all, as fast as it goes."""


@job(queue="default", unique=lambda what: what)
def count_stock(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"counted {what}"))


class Carpenter:
    """A collaborator: a job asks for it by its annotation."""

    def build(self, what: str) -> str:
        return f"built {what}"


provide(Carpenter, Carpenter)


@job(queue="default")
def build(carpenter: Carpenter, what: str, job: Running, tx: Transaction, order_id: UUID) -> None:
    tx.execute(NOTE, (job.id, f"{carpenter.build(what)} for {order_id}"))


# --- links of chains, and what undoes them ---


@job(queue="default")
def saw(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"saw {what}"))


@job(queue="default")
def unsaw(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"undo saw {what}"))


@job(queue="default")
def glue(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"glue {what}"))


@job(queue="default")
def unglue(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"undo glue {what}"))


@job(queue="default")
def say_no(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, f"no to {what}"))
    job.end_chain("out of walnut")


@job(queue="default")
def say_too_late(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, "rolled back"))
    raise EndChain(f"too late for {what}")


# --- what goes wrong ---


@job(queue="default", tries=3, backoff=(0.05, 0.1), failed=lambda what, _: write_down.message(f"gave up {what}"))
def stumble(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))
    raise RuntimeError("ليلى tripped over the walnut-desk")


@job(queue="default", tries=1, failed=lambda what, error: write_down.message(f"failed {what}: {error}"))
def break_down(what: str) -> None:
    raise RuntimeError(f"{what} broke")


@job(queue="default", tries=1, failed=lambda what, error: write_down.message(what, f"one argument too many: {error}"))
def break_down_twice(what: str) -> None:
    raise RuntimeError(f"{what} broke")


@job(queue="default", tries=3, backoff=(2800,))
def wait_long(what: str) -> None:
    raise RuntimeError(f"{what} is stuck")


@job(queue="default", tries=5, backoff=(0,), never_retry=(LookupError,))
def look_up(what: str) -> None:
    raise LookupError(f"there is no {what}")


@job(queue="default", tries=1, retry_until=timedelta(seconds=0.5), backoff=(0.1,))
def keep_trying(what: str) -> None:
    raise ConnectionError(f"nobody answers about {what}")


@job(queue="default", tries=5, backoff=(0,))
def give_up(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))
    job.fail(f"{what} cannot be repaired")


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


@job(queue="default", tries=1, timeout=0.5)
def hang(seconds: float) -> None:
    """One call that no time limit can interrupt."""
    time.sleep(seconds)


# --- what takes its worker with it ---


@job(queue="default")
def kill_the_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    """Freeze right here; `os.kill` would let this thread run on for a moment."""
    signal.raise_signal(signal.SIGSTOP)


@job(queue="default", timeout=30)
def wait_inside(job: Running, what: str, seconds: float) -> None:
    """Sleep between the two transactions of a job with an outside effect."""
    with job.transaction() as tx:
        tx.execute(NOTE, (job.id, f"begin {what}"))
    time.sleep(seconds)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, f"end {what}"))


@job(queue="default", timeout=60)
def wait_for_file(path: str) -> None:
    """Be busy until a test makes the file."""
    while not Path(path).exists():
        time.sleep(0.02)


@job(queue="default", timeout=30)
def freeze_in_finishing(job: Running, what: str, row: int) -> None:
    """Freeze with the row's lock held, after PostgreSQL's answer."""
    with job.finishing() as tx:
        tx.one("select 1 from locked where id = %s for update", (row,))
        if job.attempt == 1:
            freeze()
        tx.execute(NOTE, (job.id, what))


@job(queue="default", timeout=30)
def freeze_after_sending(job: Running, what: str, row: int) -> None:
    """Freeze with the row's lock held, before anybody asked for PostgreSQL's answer."""
    with job.finishing() as tx:
        tx.execute("update locked set touched = touched + 1 where id = %s", (row,))
        tx.execute(NOTE, (job.id, what))
        if job.attempt == 1:
            freeze()


@job(queue="default")
def touch(job: Running, tx: Transaction, row: int) -> None:
    """Want the row that another froze with."""
    tx.execute("update locked set touched = touched + 1 where id = %s", (row,))
    tx.execute(NOTE, (job.id, f"touched {row}"))


# --- what follows from facts ---

craft = chain((saw, unsaw), (glue, unglue), write_down, name="craft")


def follow(event: OrderPlaced) -> Iterable[Message]:
    """What a listener may do to the relay: the order's payment method says which."""
    what = f"order {event.order.number}"
    match event.order.payment_method:
        case "pm_listener_raises":
            raise KeyError("no such desk")
        case "pm_row_is_refused":
            yield write_down.message(what, priority=10**6)  # no smallint
        case "pm_is_no_json":
            yield write_down.message({"a set has no order"})
        case "pm_freezes_one_relay" if os.environ.get("FREEZES"):
            freeze()
    yield write_down.message(what)


LISTENERS: Listeners = {OrderPlaced: [follow]}
