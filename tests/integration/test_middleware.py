"""Layers lie around a job's function, the first outermost; what they put aside burns no try and says why it waits."""

import pytest

from shared.jobs.batch import batch
from shared.jobs.chain import chain
from shared.jobs.job import JobType
from tests import middleware_jobs
from tests.ledger import Ledger
from tests.ledger_jobs import write_down
from tests.middleware_jobs import (
    cut,
    look_at,
    meet_a_busy_database,
    never_begin,
    offer,
    sand,
    show,
    varnish,
)

# --- around the function ---


def test_the_first_layer_is_the_outermost_and_the_transaction_is_within_all_of_them(ledger: Ledger) -> None:
    # Given a job that runs in its finishing transaction, with two layers
    job = ledger.dispatch(sand, "walnut-desk")
    # When it runs
    ledger.work()
    # Then the first began first and ended last, after the commit
    assert ledger.effects() == [
        "outer begins",
        "inner begins",
        "sanded walnut-desk",
        "inner ends, finished",
        "outer ends, finished",
    ]
    assert ledger.job(job).state == "succeeded"


def test_a_layer_lies_around_both_transactions_of_a_job_with_an_outside_call(ledger: Ledger) -> None:
    job = ledger.dispatch(varnish, "walnut-desk")
    ledger.work()
    assert ledger.effects() == [
        "outer begins",
        "varnishing walnut-desk",
        "varnished walnut-desk",
        "outer ends, finished",
    ]
    assert ledger.job(job).state == "succeeded"


def test_a_job_that_writes_nothing_is_finished_after_its_layers(ledger: Ledger) -> None:
    job = ledger.dispatch(look_at, "walnut-desk")
    ledger.work()
    assert ledger.effects() == ["outer begins", "outer ends, not finished"]
    assert ledger.job(job).state == "succeeded"


def test_a_layer_that_does_not_go_on_keeps_all_within_it_from_beginning(ledger: Ledger) -> None:
    # Given a job with one try whose middle layer turns it away
    job = ledger.dispatch(never_begin, "walnut-desk")
    # When it runs
    ledger.work()
    # Then only what is outside of that layer has begun
    assert ledger.effects() == ["outer begins"]
    # And the job waits, says why, and has burnt no try
    row = ledger.job(job)
    assert (row.state, row.reason, row.deferrals, row.failures) == ("scheduled", "the workshop is closed", 1, 0)
    assert ledger.outcomes(job) == ["released"]


def test_now_runs_the_function_alone(ledger: Ledger) -> None:
    never_begin.now("walnut-desk")
    assert ledger.effects() == ["walnut-desk"]


def test_a_run_that_postgresql_wants_made_again_passes_its_own_lock_and_no_failure_is_counted(ledger: Ledger) -> None:
    # Given a job within a lock, a rate and a circuit that opens at the first failure
    middleware_jobs.runs.clear()
    job = ledger.dispatch(meet_a_busy_database, "walnut-desk")
    # When PostgreSQL asks for its transaction to be made again
    ledger.work()
    # Then it was, in the same attempt; the lock is its own, and nobody counts a failure
    assert ledger.effects() == ["run 2"]
    assert (ledger.job(job).state, ledger.outcomes(job)) == ("succeeded", ["succeeded"])
    assert ledger.rows("select * from job_breakers") == []


# --- skipping ---


@pytest.mark.parametrize(
    ("kind", "effect", "reason"),
    [
        (offer, "offered cedar-chest", "walnut-desk is sold"),
        (show, "showed cedar-chest", "is_open does not hold"),
    ],
)
def test_a_skipped_job_succeeds_with_its_reason_and_its_chain_goes_on(
    ledger: Ledger, kind: JobType, effect: str, reason: str
) -> None:
    # Given a chain whose first link has nothing to do
    with ledger.transaction() as tx:
        chain(kind, write_down, name="sale").dispatch(tx, "walnut-desk")
    other = ledger.dispatch(kind, "cedar-chest")
    # When all have run
    ledger.work()
    # Then the link was skipped, the next was not, and neither was the other job
    skipped, _ = ledger.named(kind.name)
    assert (skipped.state, skipped.reason) == ("succeeded", reason)
    assert sorted(ledger.effects()) == sorted([effect, "walnut-desk"])
    assert ledger.job(other).reason is None


def test_a_member_whose_batch_is_cancelled_before_it_begins_is_skipped(ledger: Ledger) -> None:
    # Given a batch that is cancelled between a member's claim and its start
    with ledger.transaction() as tx:
        batch_id = batch(cut.message("a"), cut.message("b"), name="planks").dispatch(tx)
    # When its members' turn has come
    ledger.work()
    # Then neither began, and the one that was claimed says why
    assert ledger.effects() == []
    assert sorted((row.state, row.reason) for row in ledger.named("cut")) == [
        ("cancelled", "its batch was cancelled"),
        ("succeeded", "its batch was cancelled: ليلى changed her mind"),
    ]
    # And the batch has ended
    [row] = ledger.rows("select pending, finished_at from batches where id = %s", (batch_id,))
    assert (row.pending, row.finished_at is not None) == (0, True)


def test_a_job_without_a_batch_has_none_that_could_be_cancelled(ledger: Ledger) -> None:
    # Given the layer alone around a job that is no member
    alone = middleware_jobs.alone
    job = ledger.dispatch(alone, "walnut-desk")
    ledger.work()
    assert (ledger.job(job).reason, ledger.effects()) == (None, ["cut walnut-desk alone"])
