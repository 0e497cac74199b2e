"""Redis may lose, repeat and forget: the rows remember."""

import time

import pytest

from shared.config import settings
from shared.db.transaction import transaction
from shared.engines.redis import RedisServer
from shared.jobs.hand_over import hand_over
from tests.ledger import Ledger
from tests.ledger_jobs import do_nothing, write_down
from tests.waiting import wait_until

MANY = 1000


def test_a_message_that_was_never_pushed_is_found_by_its_row(ledger: Ledger) -> None:
    # Given a relay killed between its commit and its push
    job = ledger.dispatch(write_down, "walnut-desk")
    with transaction(ledger.connection) as tx:
        due = hand_over(tx, settings())
    assert [job_id for _, job_id in due] == [job]
    assert ledger.job(job).state == "queued"
    # When the row has waited for two seconds, and not before
    assert ledger.sweep() == 0
    ledger.connection.execute("update jobs set queued_at = queued_at - interval '2 s'")
    # Then the sweep finds that Redis does not have it
    assert ledger.sweep() == 1
    ledger.work()
    assert ledger.effects() == ["walnut-desk"]
    assert (ledger.job(job).attempt, ledger.job(job).handovers) == (1, 2)


def test_a_message_that_waits_its_turn_is_not_swept(ledger: Ledger) -> None:
    job = ledger.dispatch(write_down, "walnut-desk")
    ledger.hand_over()
    ledger.connection.execute("update jobs set queued_at = queued_at - interval '1 hour'")
    assert ledger.sweep() == 0
    assert ledger.job(job).state == "queued"


def test_a_message_taken_by_a_worker_that_died_before_its_claim_is_found_too(ledger: Ledger) -> None:
    ledger.set(lost_message_seconds=0)
    job = ledger.dispatch(write_down, "walnut-desk")
    ledger.hand_over()
    assert ledger.redis.lpop("taboor:queue:default") == job.bytes
    assert ledger.sweep() == 1
    ledger.work()
    assert ledger.effects() == ["walnut-desk"]


@pytest.mark.parametrize("window", [16, 2 * MANY], ids=["window as it is", "window lifted"])
def test_after_flushall_with_a_thousand_open_jobs_all_run_once(ledger: Ledger, window: int) -> None:
    # Given a thousand jobs, handed over as far as the window goes, while a unit works on them
    ledger.set(hand_over_at_least=window)
    with ledger.transaction() as tx:
        for number in range(MANY):
            write_down.dispatch(tx, f"desk {number}")
    ledger.relay()
    queued = "select count(*) as n from jobs where state = 'queued'"
    wait_until(lambda: ledger.rows(queued)[0].n >= min(window, MANY))
    ledger.unit()
    wait_until(lambda: len(ledger.effects()) > 50)
    # When Redis is wiped
    ledger.redis.flushall()
    assert ledger.count_open() > 0
    # Then all run, each once
    ledger.wait_until_done(timeout=40)
    assert sorted(ledger.effects()) == sorted(f"desk {number}" for number in range(MANY))


def test_what_is_dispatched_while_redis_is_away_runs_when_it_is_back(ledger: Ledger, redis: RedisServer) -> None:
    # Given a relay and a unit at work
    relay, unit = ledger.relay(), ledger.unit()
    ledger.wait_for(ledger.dispatch(do_nothing), "succeeded")
    # When Redis stops, and jobs are dispatched
    redis.kill()
    jobs = [ledger.dispatch(write_down, f"desk {number}") for number in range(20)]
    wait_until(lambda: "the relay waits" in relay.said())
    # Then they wait in their rows, and nothing dies
    assert {ledger.job(job).state for job in jobs} == {"scheduled"}
    # And they run when it is back
    redis.start()
    ledger.wait_until_done()
    assert sorted(ledger.effects()) == sorted(f"desk {number}" for number in range(20))
    assert relay.alive()
    assert unit.alive()


def test_a_paused_queue_starts_nothing_until_it_goes_on(ledger: Ledger) -> None:
    # Given a paused queue, and real processes
    ledger.connection.execute("insert into paused_queues (queue, paused_by) values ('default', 'Nour')")
    ledger.relay()
    ledger.unit(queues="default,orders")
    paused = [ledger.dispatch(write_down, f"desk {number}") for number in range(5)]
    # When a job of another queue runs
    ledger.wait_for(ledger.dispatch(write_down, "order", queue="orders"), "succeeded")
    # Then those of the paused queue have not begun
    assert {(ledger.job(job).state, ledger.job(job).attempt) for job in paused} == {("scheduled", 0)}
    # And they do when it goes on
    ledger.connection.execute("delete from paused_queues")
    ledger.wait_until_done()
    assert len(ledger.effects()) == 6


def test_an_idle_worker_begins_within_a_moment(ledger: Ledger) -> None:
    # Given processes with nothing to do
    ledger.relay()
    ledger.unit()
    ledger.wait_for(ledger.dispatch(do_nothing), "succeeded")
    # When a job is dispatched without any nudge
    began = time.monotonic()
    ledger.wait_for(ledger.dispatch(do_nothing), "succeeded")
    # Then the relay's own look finds it
    assert time.monotonic() - began < 2
