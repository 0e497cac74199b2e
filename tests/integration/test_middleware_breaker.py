"""`throttles_exceptions`: opens after failures in a row, lets one through after a rest, closes at a success."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from shared.db.engine import connect
from shared.db.transaction import transaction
from shared.jobs.operations import cancel
from tests import middleware_jobs
from tests.ledger import Ledger
from tests.middleware_jobs import (
    ask,
    ask_now_and_then,
    dawdle_in_a_circuit,
    decide,
    order_planks,
    order_wood,
    wait_in_a_circuit,
)
from tests.middleware_process import layered_unit


@pytest.fixture(autouse=True)
def down() -> Iterator[set[str]]:
    """What does not answer."""
    yield middleware_jobs.down
    middleware_jobs.down.clear()


def breaker(ledger: Ledger, key: str) -> Any:
    rows = ledger.rows("select *, open_until > clock_timestamp() as is_open from job_breakers where key = %s", (key,))
    return rows[0] if rows else None


def try_once(ledger: Ledger, at_most: int = 1) -> None:
    """Let what is due be tried, and no more."""
    ledger.connection.execute("update jobs set available_at = clock_timestamp() where state = 'scheduled'")
    ledger.hand_over()
    for claimed in ledger.claim(at_most=at_most):
        ledger.run(claimed)


def test_after_failures_in_a_row_nobody_tries_and_the_wait_burns_no_try(ledger: Ledger, down: set[str]) -> None:
    # Given a sawmill that does not answer, and a circuit that opens at the second failure
    down.add("sawmill")
    job = ledger.dispatch(ask, "sawmill")
    # When the job has failed twice
    try_once(ledger)
    assert not breaker(ledger, "sawmill").is_open
    try_once(ledger)
    # Then each failure was recorded as ever, and the circuit is open
    assert ledger.outcomes(job) == ["failed", "failed"]
    assert ledger.job(job).error == "tests.middleware_jobs.Unreachable: sawmill does not answer"
    assert breaker(ledger, "sawmill").is_open
    # And the next attempt is put aside without a try, and says why
    ledger.connection.execute("update job_breakers set open_until = clock_timestamp() + interval '60 s'")
    try_once(ledger)
    row = ledger.job(job)
    assert (row.state, row.failures, row.deferrals) == ("scheduled", 2, 1)
    assert row.reason.startswith("sawmill failed 2 times in a row: rests for ")
    # And others are none of its business
    ledger.dispatch(ask, "joiner")
    ledger.work()
    assert ledger.effects() == ["joiner answered"]


def test_after_the_rest_one_is_let_through_and_its_failure_opens_the_circuit_again(
    ledger: Ledger, down: set[str]
) -> None:
    # Given an open circuit whose rest is over, and three jobs
    down.add("sawmill")
    jobs = [ledger.dispatch(ask, "sawmill") for _ in range(3)]
    ledger.connection.execute(
        "insert into job_breakers (key, failures, open_until, failed_at)"
        " values ('sawmill', 2, clock_timestamp(), clock_timestamp() - interval '1 hour')"
    )
    # When all three are tried
    try_once(ledger, at_most=3)
    # Then one was let through and failed; the failure counts with those before, however long ago they were
    assert sorted(outcome for job in jobs for outcome in ledger.outcomes(job)) == ["failed", "released", "released"]
    assert (breaker(ledger, "sawmill").failures, breaker(ledger, "sawmill").is_open) == (3, True)


def test_a_success_closes_the_circuit(ledger: Ledger, down: set[str]) -> None:
    # Given a circuit that has opened
    down.add("sawmill")
    jobs = [ledger.dispatch(ask, "sawmill") for _ in range(3)]
    try_once(ledger, at_most=2)
    assert breaker(ledger, "sawmill").is_open
    # When the sawmill answers again
    down.clear()
    ledger.work()
    # Then all have succeeded, and nothing is left of it
    assert {ledger.job(job).state for job in jobs} == {"succeeded"}
    assert breaker(ledger, "sawmill") is None


def test_a_success_between_failures_begins_the_count_anew(ledger: Ledger, down: set[str]) -> None:
    down.add("sawmill")
    ledger.dispatch(ask, "sawmill")
    try_once(ledger)
    assert breaker(ledger, "sawmill").failures == 1
    down.clear()
    ledger.work()
    assert breaker(ledger, "sawmill") is None


def test_a_failure_long_after_the_one_before_is_the_first_of_its_row(ledger: Ledger, down: set[str]) -> None:
    # Given a failure that is longer ago than failures count together
    down.add("sawmill")
    ledger.dispatch(ask_now_and_then, "sawmill")
    try_once(ledger)
    ledger.connection.execute("update job_breakers set failed_at = failed_at - interval '1 s'")
    # When another comes
    try_once(ledger)
    # Then the circuit, which opens at the second, is closed
    row = breaker(ledger, "sawmill")
    assert (row.failures, row.open_until) == (1, None)


def test_only_the_errors_that_were_said_count_and_kinds_may_share_a_circuit(ledger: Ledger, down: set[str]) -> None:
    # Given a sawmill that answers, but has no such wood
    refused = ledger.dispatch(order_wood, "ebony")
    ledger.work()
    # Then that is no failure of the sawmill
    assert ledger.job(refused).error == "LookupError: there is no ebony"
    assert breaker(ledger, "sawmill") is None
    # When it does not answer
    down.add("walnut")
    ledger.dispatch(order_wood, "walnut")
    ledger.work()
    # Then another kind of job that has to do with it waits
    planks = ledger.dispatch(order_planks, "walnut-desk")
    try_once(ledger)
    assert ledger.job(planks).reason.startswith("sawmill failed 1 times in a row")


@pytest.mark.parametrize("how", ["fail", "release"])
def test_an_end_that_the_job_chose_is_no_failure(ledger: Ledger, how: str) -> None:
    ledger.dispatch(decide, how)
    try_once(ledger)
    assert breaker(ledger, "joiner") is None


def test_who_was_let_through_and_came_to_nothing_makes_room_for_the_next(ledger: Ledger) -> None:
    # Given an open circuit
    ledger.dispatch(decide, "break")
    try_once(ledger)
    ledger.connection.execute("update job_breakers set open_until = clock_timestamp()")
    # When the one that is let through steps aside itself
    aside = ledger.dispatch(decide, "release")
    try_once(ledger)
    assert ledger.job(aside).reason == "later"
    # Then the circuit is neither closed nor taken: the next is let through at once
    assert not breaker(ledger, "joiner").is_open
    well = ledger.dispatch(decide, "well")
    ledger.hand_over()
    ledger.run(ledger.claim()[0])
    assert ledger.job(well).state == "succeeded"
    assert breaker(ledger, "joiner") is None


def test_a_time_limit_counts_and_being_cancelled_does_not(ledger: Ledger) -> None:
    # Given a unit, which keeps the jobs' time limits
    ledger.relay()
    layered_unit(ledger, "one")
    # When a job takes longer than it may
    slow = ledger.dispatch(dawdle_in_a_circuit, "dawdling")
    ledger.wait_for(slow, "failed")
    # Then its circuit is open
    assert ledger.job(slow).error == "TimeoutError: took longer than 0.5 s"
    assert breaker(ledger, "dawdler").is_open
    # When another is cancelled while it runs
    waits = ledger.dispatch(wait_in_a_circuit, "waiting")
    ledger.wait_for_effect("begin waiting")
    with closing(connect()) as connection, transaction(connection) as tx:
        assert cancel(tx, [waits], "the test") == [waits]
    # Then the unit goes on with other work, and that was no failure
    after = ledger.dispatch(decide, "well")
    ledger.wait_for(after, "succeeded")
    assert breaker(ledger, "cancelled") is None
