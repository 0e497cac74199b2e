"""Attempts that do not succeed: tried again, released, given up, told of once."""

from itertools import pairwise

import pytest

from shared.jobs import failure, reaper
from shared.jobs.job import REGISTRY
from tests.ledger import Ledger
from tests.ledger_jobs import (
    break_down,
    break_down_twice,
    dawdle,
    give_up,
    keep_trying,
    look_up,
    step_aside,
    stumble,
    write_down,
)


def test_a_failing_job_is_tried_again_after_its_backoff_then_fails_and_tells_once(ledger: Ledger) -> None:
    # Given a job with three tries, 0.05 and 0.1 s apart
    job = ledger.dispatch(stumble, "walnut-desk")
    # When it fails each time
    ledger.work()
    # Then it failed for good, with each attempt and its error kept
    row, attempts = ledger.job(job), ledger.attempts(job)
    assert (row.state, row.attempt, row.failures, row.lost, row.deferrals) == ("failed", 3, 3, 0, 0)
    assert [attempt.outcome for attempt in attempts] == ["failed"] * 3
    assert row.error == "RuntimeError: ليلى tripped over the walnut-desk"
    assert all("in stumble" in attempt.detail for attempt in attempts)
    # And the pauses were those of the list, less a fifth of jitter at most
    pauses = [(later.started_at - sooner.finished_at).total_seconds() for sooner, later in pairwise(attempts)]
    assert pauses[0] >= 0.05 * 0.8
    assert pauses[1] >= 0.1 * 0.8
    # And what it wrote was rolled back each time; people were told once
    assert ledger.effects() == ["gave up walnut-desk"]


def test_the_last_step_of_a_backoff_repeats_with_a_fifth_of_jitter() -> None:
    kind = REGISTRY["stumble"]
    steps = [[failure.backoff(kind, failures) for _ in range(200)] for failures in (0, 1, 7)]
    for drawn, step in zip(steps, (0.05, 0.1, 0.1), strict=True):
        assert step * 0.8 <= min(drawn) < step * 0.85
        assert step * 1.15 < max(drawn) <= step * 1.2


def test_an_error_that_no_retry_can_help_fails_at_once(ledger: Ledger) -> None:
    job = ledger.dispatch(look_up, "ebony-desk")
    ledger.work()
    assert (ledger.job(job).state, ledger.job(job).attempt) == ("failed", 1)


def test_a_job_with_a_deadline_is_tried_until_then_however_often(ledger: Ledger) -> None:
    # Given a job with one try, were it not that it may be tried for half a second
    job = ledger.dispatch(keep_trying, "the walnut-desk")
    # When nobody answers
    ledger.work()
    # Then it was tried more often than `tries` said, and failed after the deadline
    row = ledger.job(job)
    assert row.state == "failed"
    assert row.attempt >= 2
    assert row.finished_at >= row.retry_until
    assert ledger.attempts(job)[-2].finished_at < row.retry_until


def test_a_released_job_waits_with_its_reason_and_burns_no_try(ledger: Ledger) -> None:
    # Given a job with one try that steps aside twice
    job = ledger.dispatch(step_aside, "walnut-desk")
    # When it has been released once
    ledger.hand_over()
    [claimed] = ledger.claim()
    ledger.run(claimed)
    # Then it says what it waits for
    assert (ledger.job(job).state, ledger.job(job).reason) == ("scheduled", "the lane is busy")
    # And it succeeds in the end, no try burnt
    ledger.work()
    row = ledger.job(job)
    assert (row.state, row.attempt, row.failures, row.deferrals) == ("succeeded", 3, 0, 2)
    assert ledger.outcomes(job) == ["released", "released", "succeeded"]
    assert ledger.effects() == ["walnut-desk"]


def test_a_job_may_give_up_whatever_tries_are_left(ledger: Ledger) -> None:
    job = ledger.dispatch(give_up, "the vase")
    ledger.work()
    assert (ledger.job(job).state, ledger.job(job).attempt) == ("failed", 1)
    assert ledger.job(job).error.endswith("the vase cannot be repaired")
    assert ledger.effects() == []


def test_a_hook_that_fails_itself_does_not_keep_the_job_from_having_failed(ledger: Ledger) -> None:
    job = ledger.dispatch(break_down_twice, "the vase")
    ledger.work()
    assert (ledger.job(job).state, ledger.job(job).failures) == ("failed", 1)
    assert ledger.count_open() == 0


def test_a_time_out_is_a_failure(ledger: Ledger) -> None:
    # Given a real unit, and a job that may take half a second
    ledger.relay()
    ledger.unit()
    job = ledger.dispatch(dawdle, "all day")
    # Then it is stopped, and has failed with that reason; the unit goes on
    row = ledger.wait_for(job, "failed")
    assert row.error == "TimeoutError: took longer than 0.5 s"
    assert row.failures == 1
    assert "in dawdle" in ledger.attempts(job)[0].detail
    ledger.wait_for(ledger.dispatch(write_down, "walnut-desk"), "succeeded")


@pytest.mark.parametrize("kind", [break_down, break_down_twice])
def test_a_job_that_lost_too_many_leases_fails_and_its_neighbours_are_reaped_all_the_same(
    ledger: Ledger, kind: object
) -> None:
    # Given two running jobs whose worker died, one of them for the last time it may
    ledger.set(lost_cap=2)
    job, neighbour = ledger.dispatch(kind, "the vase"), ledger.dispatch(write_down, "walnut-desk")  # type: ignore[arg-type]  # a JobType
    ledger.hand_over()
    assert len(ledger.claim(at_most=2)) == 2
    ledger.connection.execute("update jobs set lost = 1 where id = %s", (job,))
    # When their leases are found lost
    reaper.reap_workers(ledger.connection, ["hand@bench"])
    # Then the one has failed, with that reason, and the other is due again
    row = ledger.job(job)
    assert (row.state, row.lost) == ("failed", 2)
    assert row.error == "its worker died (hand@bench), 2 times: it may be what kills them"
    assert (ledger.job(neighbour).state, ledger.job(neighbour).lost) == ("scheduled", 1)
    # And people are told, if the hook can
    told = [row.args[0] for row in ledger.named("write_down") if row.id != neighbour]
    assert told == ([f"failed the vase: {row.error}"] if kind is break_down else [])
