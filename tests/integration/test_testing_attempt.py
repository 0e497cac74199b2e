"""Tests of a shop may make one attempt of one job, and ask how it ended."""

from typing import Any

import pytest

from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs.batch import add_members
from shared.jobs.job import job
from shared.jobs.outcomes import Fail, Skip
from shared.jobs.running import Running
from shared.jobs.testing import attempt, recording
from tests.ledger import Ledger
from tests.ledger_jobs import (
    NOTE,
    break_down,
    do_nothing,
    give_up,
    say_no,
    say_too_late,
    step_aside,
    stumble,
    wait_long,
    write_down,
)


def test_an_attempt_tells_how_it_ended(ledger: Ledger) -> None:
    attempt(write_down, "walnut-desk").assert_succeeded()
    attempt(step_aside, "walnut-desk").assert_released(0.05, "the lane is busy")
    attempt(skip_it, "walnut-desk").assert_skipped("walnut-desk is done already")
    attempt(say_too_late, "walnut-desk").assert_ended_chain("too late for walnut-desk")
    attempt(say_no, "walnut-desk").assert_ended_chain("out of walnut")
    attempt(give_up, "walnut-desk").assert_failed(Fail, "walnut-desk cannot be repaired")
    # Then what was written is there, unless it was rolled back
    assert ledger.effects() == ["walnut-desk", "no to walnut-desk"]


@pytest.mark.usefixtures("ledger")
def test_a_failure_is_tried_again_until_the_last_try() -> None:
    first, last = attempt(wait_long, "walnut-desk"), attempt(wait_long, "walnut-desk", failures=2)
    first.assert_retrying(RuntimeError)
    assert first.seconds is not None
    assert 2240 <= first.seconds <= 3360
    last.assert_failed(RuntimeError, "walnut-desk is stuck")
    assert attempt(step_aside, "walnut-desk", failures=2).how == "succeeded"  # its third attempt


@pytest.mark.usefixtures("ledger")
def test_an_attempt_that_ended_otherwise_is_said_so() -> None:
    with pytest.raises(AssertionError, match=r"expected succeeded, but break_down failed: the vase broke"):
        attempt(break_down, "the vase").assert_succeeded()
    with pytest.raises(AssertionError, match=r"expected released, but .* released: the lane is busy, again in 0\.05 s"):
        attempt(step_aside, "walnut-desk").assert_released(60)
    with pytest.raises(AssertionError, match="expected failed, but stumble retrying: RuntimeError"):
        attempt(stumble, "walnut-desk").assert_failed(LookupError)


@pytest.mark.usefixtures("ledger")
def test_an_attempt_keeps_what_it_said_of_its_progress_and_knows_its_batch() -> None:
    pictures = new_id()
    with recording() as jobs:
        done = attempt(cut_in_pieces, 2, batch_id=pictures)
    done.assert_succeeded()
    assert done.progress == (0, 50)
    jobs.assert_added(pictures, do_nothing, do_nothing)


@pytest.mark.usefixtures("ledger")
def test_middleware_is_left_out_unless_asked_for() -> None:
    attempt(guarded).assert_succeeded()
    attempt(guarded, middleware=True).assert_released(60, "the door is locked")


# --- its jobs ---


@job()
def skip_it(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))
    raise Skip(f"{what} is done already")


@job()
def cut_in_pieces(job: Running, pieces: int) -> None:
    assert job.batch_id is not None
    for piece in range(pieces):
        job.progress(100 * piece // pieces)
    with job.finishing() as tx:
        add_members(tx, job.batch_id, *(do_nothing.message() for _ in range(pieces)))


def closed(job: Running, _next: Any) -> None:
    job.release(60, "the door is locked")


@job(middleware=[closed])
def guarded() -> None:
    """Run only where nobody looks after the door."""
