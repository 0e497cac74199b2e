"""Paused queues: once a pause is committed nothing of it starts; what waits is still to be seen, and goes on later."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from shared.db.engine import Connection, connect
from shared.db.transaction import transaction
from shared.jobs import operations
from shared.jobs.figures import report
from shared.jobs.job import dispatch_all
from tests.ledger import Ledger
from tests.ledger_core_jobs import stare
from tests.ledger_jobs import do_nothing, write_down
from tests.waiting import wait_until

STARTED_AFTERWARDS = """
select a.job_id from job_attempts a cross join paused_queues where started_at >= paused_at
union all select id from jobs cross join paused_queues where state = 'running' and started_at >= paused_at
"""


def pause(ledger: Ledger, queue: str = "default") -> None:
    with ledger.transaction() as tx:
        operations.pause(tx, queue, "Nour", "stock-taking")


def resume(ledger: Ledger, queue: str = "default") -> bool:
    with ledger.transaction() as tx:
        return operations.resume(tx, queue)


def states(ledger: Ledger) -> list[str]:
    return [row.state for row in ledger.rows("select state from jobs order by id")]


def test_nothing_of_a_paused_queue_is_handed_over_or_taken_and_others_go_on(ledger: Ledger) -> None:
    # Given a job on its way, one that waits, and one of another queue
    ledger.dispatch(write_down, "on its way")
    ledger.hand_over()
    ledger.dispatch(write_down, "waiting")
    ledger.dispatch(write_down, "elsewhere", queue="other")
    # When the queue is paused
    pause(ledger)
    ledger.hand_over()
    # Then no worker may take what is on its way
    assert ledger.claim(at_most=8) == []
    assert states(ledger) == ["queued", "scheduled", "queued"]
    # And the other queue goes on
    [elsewhere] = ledger.claim("other", at_most=8)
    ledger.run(elsewhere)
    assert ledger.effects() == ["elsewhere"]
    # And a pause says who, why and since when
    assert [(row.queue, row.paused_by, row.reason) for row in ledger.rows("select * from paused_queues")] == [
        ("default", "Nour", "stock-taking")
    ]


def test_what_waits_in_a_paused_queue_is_still_counted_and_can_be_dispatched_and_runs_afterwards(
    ledger: Ledger,
) -> None:
    pause(ledger)
    for number in range(3):
        ledger.dispatch(write_down, f"{number}")
    ledger.dispatch(write_down, "later", delay=60)
    ledger.hand_over()
    assert states(ledger) == ["scheduled"] * 4
    with ledger.transaction() as tx:
        [queue] = [queue for queue in report(tx).queues if queue.name == "default"]
    assert (queue.waiting, queue.delayed, queue.paused) == (3, 1, True)
    # When the queue goes on
    assert resume(ledger)
    assert not resume(ledger)
    # Then what waited runs, in order
    ledger.work()
    assert ledger.effects() == ["0", "1", "2"]


def test_what_runs_when_its_queue_is_paused_goes_on_to_its_end(ledger: Ledger) -> None:
    ledger.relay()
    ledger.unit()
    job = ledger.dispatch(stare, "at the wall", 1.0)
    ledger.wait_for_effect("begin at the wall")
    pause(ledger)
    after = ledger.dispatch(write_down, "after")
    ledger.wait_for(job, "succeeded")
    assert ledger.job(after).attempt == 0


def test_a_unit_gives_back_what_it_took_from_redis_for_a_paused_queue(ledger: Ledger) -> None:
    # Given jobs on their way, and a pause before any worker is there
    jobs = [ledger.dispatch(write_down, f"{number}") for number in range(4)]
    ledger.hand_over()
    pause(ledger)
    # When a unit comes
    ledger.unit()
    wait_until(lambda: states(ledger) == ["scheduled"] * 4)
    # Then it has started none of them, and does when the queue goes on
    assert {ledger.job(job).attempt for job in jobs} == {0}
    ledger.relay()
    resume(ledger)
    ledger.wait_until_done()
    assert {ledger.outcomes(job) == ["succeeded"] for job in jobs} == {True}


def test_a_claim_that_comes_while_a_pause_is_made_waits_for_it_and_takes_nothing(ledger: Ledger) -> None:
    # Given a job on its way, and a pause that is not yet committed
    ledger.dispatch(write_down, "desk")
    ledger.hand_over()
    with ThreadPoolExecutor(1) as threads, connect() as operator:
        with transaction(operator) as tx:
            operations.pause(tx, "default", "Nour")
            assert tx.one("select 1") is not None  # all before is done
            # When a worker wants it
            claiming = threads.submit(ledger.claim)
            with connect() as onlooker:
                waits = "select from pg_stat_activity where wait_event_type = 'Lock'"
                wait_until(lambda: onlooker.execute(waits).fetchone() is not None)
        # Then it waits for the pause, and has nothing
        assert claiming.result(10) == []


def test_a_pause_waits_for_the_claims_under_way(ledger: Ledger) -> None:
    # Given a claim that is not yet committed
    ledger.dispatch(write_down, "desk")
    ledger.hand_over()
    with connect() as worker, ThreadPoolExecutor(1) as threads:
        with transaction(worker) as tx:
            assert tx.all("select * from paused_queues") == []  # as a claim does
            pausing = threads.submit(pause, ledger)
            with pytest.raises(TimeoutError):
                pausing.result(0.3)
        # Then the pause is made when that is over
        pausing.result(10)


class Load:
    """Jobs that come as long as there are not too many, in a thread of their own."""

    def __init__(self) -> None:
        self._closed = Event()

    def run(self) -> None:
        with connect() as connection:
            while not self._closed.wait(0.01):
                if count(connection, "jobs where state in ('scheduled', 'queued')") < 300:
                    with transaction(connection) as tx:
                        dispatch_all(tx, [do_nothing.message() for _ in range(100)])

    def end(self) -> None:
        self._closed.set()


def count(connection: Connection, what: str) -> int:
    row = connection.execute(f"select count(*) as n from {what}").fetchone()
    assert row is not None
    return int(row.n)


def more_than(ledger: Ledger, attempts: int) -> bool:
    return count(ledger.connection, "job_attempts") > attempts


def test_under_load_nothing_starts_once_a_pause_is_committed(ledger: Ledger) -> None:
    # Given a relay and two units under load
    ledger.relay()
    units = [ledger.unit(name) for name in ("fast-0", "fast-1")]
    load = Load()
    with ThreadPoolExecutor(1) as threads:
        coming = threads.submit(load.run)
        try:
            for _ in range(5):
                # When the queue is paused in the middle of it
                wait_until(partial(more_than, ledger, count(ledger.connection, "job_attempts") + 50))
                pause(ledger)
                # Then nothing starts afterwards, though enough is there
                with pytest.raises(AssertionError, match="not so after"):
                    wait_until(lambda: ledger.rows(STARTED_AFTERWARDS), 0.4)
                assert count(ledger.connection, "jobs where state in ('scheduled', 'queued')") > 0
                assert count(ledger.connection, "jobs where state = 'running'") == 0
                resume(ledger)
        finally:
            load.end()
        coming.result(10)
    # And all of it is done in the end, each once
    ledger.wait_until_done(30)
    assert all(unit.alive() for unit in units)
    assert ledger.rows("select from job_attempts group by job_id having count(*) > 1") == []
