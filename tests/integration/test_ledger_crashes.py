"""Units and relays that are killed, frozen or stopped: every job ends, its effects exactly once."""

import time
from pathlib import Path

import pytest

from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from shared.jobs.job import JobType
from tests.ledger import Ledger, restarting
from tests.ledger_jobs import (
    freeze_after_sending,
    freeze_in_finishing,
    hang,
    kill_the_worker,
    touch,
    wait_for_file,
    wait_inside,
    write_down,
)
from tests.waiting import noticed_that_its_attempt_is_over, wait_until

FLOWS_AGAIN = 15.0  # seconds; the promise is 5 – measured alone, in tests/proofs/test_frozen.py


def test_an_attempt_whose_lease_was_lost_cannot_commit(ledger: Ledger) -> None:
    # Given a unit frozen between the two transactions of its job
    ledger.set(lease_seconds=1)
    ledger.relay()
    frozen = ledger.unit("fast-0")
    job = ledger.dispatch(wait_inside, "charging", 1)
    ledger.wait_for_effect("begin charging")
    frozen.freeze()
    # When its lease runs out and another unit does the job
    ledger.unit("fast-1")
    ledger.wait_for(job, "succeeded")
    # And the first one wakes up and wants to finish
    frozen.thaw()
    wait_until(lambda: noticed_that_its_attempt_is_over(frozen.said()))
    # Then it could not: the effect is there once
    assert ledger.effects() == ["begin charging", "begin charging", "end charging"]
    assert ledger.outcomes(job) == ["lost", "succeeded"]
    assert ledger.job(job).failures == 0
    # And it goes on with other work
    assert frozen.alive()


def test_a_job_that_kills_its_worker_stops_after_its_cap_and_its_neighbours_succeed(ledger: Ledger) -> None:
    # Given a job that kills every worker that touches it, among others
    ledger.set(lost_cap=3)
    ledger.relay()
    unit = ledger.unit()
    killer = ledger.dispatch(kill_the_worker)
    neighbours = [ledger.dispatch(write_down, f"desk {number}") for number in range(20)]
    # When its unit is started again each time it dies
    wait_until(restarting(unit, lambda: ledger.job(killer).state == "failed"), timeout=30)
    wait_until(restarting(unit, lambda: ledger.count_open() == 0))
    # Then the job has stopped with all its attempts kept
    assert ledger.outcomes(killer) == ["lost", "lost", "lost"]
    assert "3 times: it may be what kills them" in ledger.job(killer).error
    # And the others succeeded, none more than once
    assert sorted(ledger.effects()) == sorted(f"desk {number}" for number in range(20))
    assert all(ledger.job(job).state == "succeeded" for job in neighbours)
    # And none of them was near it again after the first time
    assert all(ledger.job(job).lost <= 1 for job in neighbours)


def test_a_job_that_hangs_ends_its_unit_and_stops_nobody(ledger: Ledger) -> None:
    # Given a unit with a job that cannot be interrupted, and no other unit
    ledger.set(lease_seconds=1, lost_cap=1)
    ledger.relay()
    unit = ledger.unit(stop_within=1)
    hung = ledger.dispatch(hang, 300)
    # When its time has been up for long
    wait_until(lambda: not unit.alive(), timeout=30)
    assert "job_hung" in unit.said()
    # Then the unit is started again with all its threads, and others' work goes on
    fresh = [ledger.dispatch(write_down, f"desk {number}") for number in range(8)]
    wait_until(restarting(unit, lambda: all(ledger.job(job).state == "succeeded" for job in fresh)), timeout=20)
    # And the job that hung has stopped at its cap
    assert ledger.wait_for(hung, "failed").lost == 1
    assert ledger.outcomes(hung) == ["lost"]


def test_a_job_that_was_lost_once_does_not_stop_a_busy_unit(ledger: Ledger, tmp_path: Path) -> None:
    # Given a unit of two threads, one of them busy until the test says that it is over
    ledger.relay()
    ledger.unit(threads=2)
    over = tmp_path / "stocktaking is over"
    busy = ledger.dispatch(wait_for_file, str(over))
    ledger.wait_for(busy, "running")
    # When a job comes that has lost a lease before, and others after it
    suspect = ledger.dispatch(write_down, "suspect")
    ledger.rows("update jobs set lost = 1 where id = %s returning id", (suspect,))
    others = [ledger.dispatch(write_down, f"desk {number}") for number in range(8)]
    # Then the others need not wait for the quiet moment that it wants
    wait_until(lambda: all(ledger.job(job).state == "succeeded" for job in others))
    assert ledger.job(busy).state == "running"
    # And it has its turn when there is one
    over.touch()
    ledger.wait_for(suspect, "succeeded", timeout=20)


def test_sigterm_lets_running_jobs_finish(ledger: Ledger) -> None:
    # Given a unit in the middle of a job, with two threads free
    ledger.relay()
    unit = ledger.unit()
    job = ledger.dispatch(wait_inside, "packing", 1)
    ledger.wait_for_effect("begin packing")
    # When it is asked to stop, and other jobs come
    unit.terminate()
    wait_until(lambda: "unit stops" in unit.said())
    late = [ledger.dispatch(write_down, "late") for _ in range(3)]
    # Then it ends with exit code 0, the job done, the others untouched
    assert unit.stop() == 0
    assert ledger.job(job).state == "succeeded"
    assert ledger.effects() == ["begin packing", "end packing"]
    assert [ledger.job(one).attempt for one in late] == [0, 0, 0]
    # And it has signed off
    assert ledger.rows("select * from workers") == []


def test_sigterm_gives_back_what_does_not_finish_in_time(ledger: Ledger) -> None:
    # Given a unit that has half a second, in the middle of a long job
    ledger.relay()
    unit = ledger.unit(stop_within=0.5)
    job = ledger.dispatch(wait_inside, "packing", 60)
    ledger.wait_for_effect("begin packing")
    # When it is asked to stop
    assert unit.stop() == 0
    # Then the job is free at once, with the reason, no try burnt and no lease lost
    row = ledger.job(job)
    assert row.state in ("scheduled", "queued")
    assert (row.failures, row.lost) == (0, 0)
    assert ledger.outcomes(job) == ["released"]
    assert ledger.attempts(job)[0].error == "its worker was stopped"


def test_a_restarted_unit_takes_over_at_once_what_its_predecessor_held(ledger: Ledger) -> None:
    # Given a killed unit that held a job, with a lease of an hour
    ledger.set(lease_seconds=3600)
    ledger.relay()
    unit = ledger.unit()
    job = ledger.dispatch(wait_inside, "packing", 0.5)
    ledger.wait_for_effect("begin packing")
    unit.kill()
    # When it is started again
    unit.start()
    # Then the job is done, long before the lease
    ledger.wait_for(job, "succeeded")
    assert ledger.outcomes(job) == ["lost", "succeeded"]
    assert len(ledger.rows("select * from workers")) == 1


def test_without_a_successor_a_dead_units_jobs_go_to_another_when_the_lease_ends(ledger: Ledger) -> None:
    ledger.set(lease_seconds=1)
    ledger.relay()
    dead = ledger.unit("fast-0")
    job = ledger.dispatch(wait_inside, "packing", 0.5)
    ledger.wait_for_effect("begin packing")
    ledger.unit("fast-1")
    dead.kill()
    ledger.wait_for(job, "succeeded")
    assert ledger.outcomes(job) == ["lost", "succeeded"]  # how soon: tests/proofs/test_killed.py


def test_a_long_job_keeps_its_lease(ledger: Ledger) -> None:
    # Given a job that takes three times its lease
    ledger.set(lease_seconds=0.6)
    ledger.relay()
    ledger.unit()
    job = ledger.dispatch(wait_inside, "transcoding", 2)
    # Then its heart beats, and nobody else begins it
    ledger.wait_for(job, "succeeded")
    assert ledger.outcomes(job) == ["succeeded"]


@pytest.mark.parametrize("kind", [freeze_in_finishing, freeze_after_sending])
def test_a_unit_frozen_inside_finishing_stops_nobody(ledger: Ledger, kind: JobType) -> None:
    # Given a unit that froze with a row locked
    ledger.set(lease_seconds=2)
    ledger.relay()
    frozen, helper = ledger.unit("fast-0"), None
    job = ledger.dispatch(kind, "settled", 1)
    wait_until(frozen.frozen)
    froze = time.monotonic()
    # When another job wants the row, on another unit
    helper = ledger.unit("fast-1")
    other = ledger.dispatch(touch, 1)
    ledger.wait_for(other, "succeeded")
    # Then it had it within the promise
    assert time.monotonic() - froze < FLOWS_AGAIN
    # And the frozen job itself was done by the other unit, once, also after the first woke up
    ledger.wait_for(job, "succeeded")
    frozen.thaw()
    wait_until(lambda: noticed_that_its_attempt_is_over(frozen.said()))
    assert helper.alive()
    assert sorted(ledger.effects()) == ["settled", "touched 1"]
    touched = 2 if kind is freeze_after_sending else 1
    assert ledger.rows("select touched from locked") == [(touched,)]


def test_when_the_leading_relay_freezes_the_other_takes_over(ledger: Ledger) -> None:
    # Given two relays, of which one freezes in the middle of its turn when it meets a certain order
    other = ledger.relay()
    ledger.set(freezes=1)
    leader = ledger.relay()
    ledger.unit()
    numbers = iter(range(1, 100))

    def tempt() -> bool:
        if not leader.frozen():
            ledger.place(next(numbers), "pm_freezes_one_relay")
            wait_until(lambda: leader.frozen() or ledger.all_expanded())
        return leader.frozen()

    wait_until(tempt, timeout=20)
    froze = time.monotonic()
    # When an order is placed
    last = next(numbers)
    ledger.place(last)
    # Then its job is done within the promise, and so is that of the order it froze with
    ledger.wait_for_effect(f"order {last}", timeout=FLOWS_AGAIN)
    assert time.monotonic() - froze < FLOWS_AGAIN
    # And when it wakes up, it has nothing done twice
    leader.thaw()
    after = next(numbers)
    ledger.place(after)
    ledger.wait_for_effect(f"order {after}")
    wait_until(lambda: "the relay waits" in leader.said())
    assert sorted(ledger.effects()) == sorted(f"order {number}" for number in range(1, after + 1))
    assert other.alive()


def test_a_delayed_job_survives_a_restart_of_everything(
    ledger: Ledger, postgres: PostgresServer, redis: RedisServer
) -> None:
    # Given a job for in three seconds, and one that is already handed over
    relay = ledger.relay()
    delayed = ledger.dispatch(write_down, "delayed", delay=3)
    handed_over = ledger.dispatch(write_down, "handed over")
    ledger.wait_for(handed_over, "queued")
    # When everything is killed, and started again
    relay.kill()
    redis.kill()
    postgres.kill()
    postgres.start()
    redis.start()
    ledger.reconnect()
    relay.start()
    ledger.unit()
    # Then both run, once
    ledger.wait_until_done()
    assert sorted(ledger.effects()) == ["delayed", "handed over"]
    row = ledger.job(delayed)
    assert row.started_at >= row.available_at
    assert row.attempt == 1
