"""What operators do besides cancelling: retry, run now, forget; and what a job's attempts and progress tell."""

from collections.abc import Iterable
from itertools import pairwise
from uuid import UUID

import pytest

from shared.ids import new_id
from shared.jobs import operations
from shared.jobs.chain import chain
from tests.ledger import Ledger
from tests.ledger_batches import cancel, dispatch_chain, links, mend, retry
from tests.ledger_core_jobs import fit, leave_the_line, stare
from tests.ledger_jobs import (
    break_down,
    count_stock,
    glue,
    keep_trying,
    saw,
    say_no,
    step_aside,
    stumble,
    unsaw,
    write_down,
)
from tests.waiting import wait_until


def run_now(ledger: Ledger, *jobs: UUID) -> list[UUID]:
    with ledger.transaction() as tx:
        return operations.run_now(tx, jobs)


def forget(ledger: Ledger, *jobs: UUID) -> list[UUID]:
    with ledger.transaction() as tx:
        return operations.forget(tx, jobs)


def waits(ledger: Ledger, job: UUID) -> Iterable[float]:
    """Return how long each attempt waited for its start, since it was due."""
    return [(one.started_at - one.due_at).total_seconds() for one in ledger.attempts(job)]


# --- retry ---


def test_a_retried_job_has_all_its_tries_again_and_keeps_its_attempts(ledger: Ledger) -> None:
    # Given a job that has failed three times
    job = ledger.dispatch(stumble, "walnut-desk")
    ledger.work()
    # When it is retried
    assert retry(ledger, [job]) == {job: None}
    row = ledger.job(job)
    assert (row.state, row.reason, row.error, row.failures, row.finished_at) == (
        "scheduled",
        "retried by Nour",
        None,
        0,
        None,
    )
    # Then it is tried three times more, as further attempts
    ledger.work()
    assert ledger.outcomes(job) == ["failed"] * 6
    assert [attempt.attempt for attempt in ledger.attempts(job)] == [1, 2, 3, 4, 5, 6]
    assert ledger.effects() == ["gave up walnut-desk"] * 2


def test_a_retried_jobs_time_begins_anew(ledger: Ledger) -> None:
    job = ledger.dispatch(keep_trying, "the walnut desk")
    ledger.work()
    first = ledger.job(job).retry_until
    retry(ledger, [job])
    assert ledger.job(job).retry_until is None
    ledger.work()
    assert ledger.job(job).retry_until > first
    assert ledger.outcomes(job).count("failed") >= 4


def test_what_is_open_or_has_succeeded_is_not_retried_and_the_others_of_a_list_are(ledger: Ledger) -> None:
    # Given one of each
    done, failed, cancelled = ledger.dispatch(saw, "oak"), ledger.dispatch(fit, "shelf"), ledger.dispatch(saw, "elm")
    cancel(ledger, cancelled)
    ledger.work()
    waiting = ledger.dispatch(saw, "ash", delay=60)
    # When all are retried together, with one that is not there
    answers = retry(ledger, [done, failed, cancelled, waiting, new_id()])
    # Then each has its answer
    assert answers == {done: "it is succeeded", failed: None, cancelled: None, waiting: "it is scheduled"}
    mend(ledger, "shelf")
    ledger.work()
    assert {ledger.job(job).state for job in (done, failed, cancelled)} == {"succeeded"}
    assert ledger.effects().count("saw oak") == 1


def test_a_unique_job_is_not_retried_while_its_double_is_open(ledger: Ledger) -> None:
    first = ledger.dispatch(count_stock, "oak")
    cancel(ledger, first)
    second = ledger.dispatch(count_stock, "oak")
    assert retry(ledger, [first]) == {first: "another job with its unique key is open"}
    # And of two that have ended one
    cancel(ledger, second)
    assert retry(ledger, [first, second]) == {first: None, second: "another job with its unique key is open"}
    ledger.work()
    assert ledger.effects() == ["counted oak"]


def test_a_retried_link_lets_the_rest_wait_again_and_the_chain_go_on(ledger: Ledger) -> None:
    # Given a chain that failed at its second link
    chain_id = dispatch_chain(ledger, saw, fit, glue, write_down)
    ledger.work()
    assert links(ledger, chain_id) == ["succeeded", "failed", "cancelled", "cancelled"]
    last = ledger.named("write_down")[0].id
    assert str(retry(ledger, [last])[last]).startswith("it is a link whose turn never came")
    # When that link is retried, with the last one in the same list
    mend(ledger, "walnut-desk")
    failed = ledger.named("fit")[0].id
    assert retry(ledger, [failed, last]) == {failed: None, last: "it is blocked"}
    assert links(ledger, chain_id) == ["succeeded", "scheduled", "blocked", "blocked"]
    # Then the chain goes on to its end
    ledger.work()
    assert links(ledger, chain_id) == ["succeeded"] * 4
    assert ledger.rows("select ended_reason from chains") == [(None,)]


def test_a_link_of_a_chain_that_was_undone_is_not_retried(ledger: Ledger) -> None:
    dispatch_chain(ledger, (saw, unsaw), break_down, glue)
    ledger.work()
    job = ledger.named("break_down")[0].id
    assert retry(ledger, [job]) == {job: "its chain was undone"}
    assert ledger.count_open() == 0


def test_a_link_that_was_cancelled_when_it_was_due_can_be_retried_one_that_a_no_made_needless_cannot(
    ledger: Ledger,
) -> None:
    due, needless = dispatch_chain(ledger, saw, glue), dispatch_chain(ledger, say_no, glue)
    cancelled, never = ledger.named("saw")[0].id, ledger.named("glue")[1].id
    cancel(ledger, cancelled)
    ledger.work()
    assert links(ledger, needless) == ["succeeded", "cancelled"]
    assert retry(ledger, [cancelled])[cancelled] is None
    assert str(retry(ledger, [never])[never]).startswith("it is a link whose turn never came")
    ledger.work()
    assert links(ledger, due) == ["succeeded", "succeeded"]


def test_a_links_delay_counts_from_its_turn(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        chain(saw, write_down.message("later", delay=60)).dispatch(tx, "oak")
    ledger.connection.execute(
        "update jobs set created_at = created_at - interval '1 h', available_at = available_at - interval '1 h'"
    )
    ledger.work()
    [later] = ledger.rows("select available_at - clock_timestamp() as away from jobs where state = 'scheduled'")
    assert 50 < later.away.total_seconds() <= 60


# --- run now, forget ---


def test_what_waits_for_its_time_can_be_run_now(ledger: Ledger) -> None:
    later, due = ledger.dispatch(write_down, "later", delay=3600), ledger.dispatch(write_down, "due")
    assert run_now(ledger, later, due, new_id()) == [later]
    ledger.work()
    assert sorted(ledger.effects()) == ["due", "later"]
    assert run_now(ledger, later) == []


def test_what_has_ended_can_be_forgotten_with_its_attempts(ledger: Ledger) -> None:
    done, waiting = ledger.dispatch(saw, "oak"), ledger.dispatch(saw, "ash", delay=60)
    ledger.work()
    assert forget(ledger, done, waiting, new_id()) == [done]
    assert [row.id for row in ledger.rows("select id from jobs")] == [waiting]
    assert ledger.rows("select 1 from job_attempts") == []


def test_a_finished_link_is_kept_while_its_chain_goes_on_because_it_may_have_to_be_undone(ledger: Ledger) -> None:
    dispatch_chain(ledger, (saw, unsaw), fit)
    ledger.hand_over()
    ledger.run(ledger.claim()[0])
    first = ledger.named("saw")[0].id
    assert forget(ledger, first) == []
    ledger.work()
    assert ledger.effects() == ["saw walnut-desk", "undo saw walnut-desk"]
    assert forget(ledger, first) == [first]


# --- what attempts tell ---


def test_each_attempt_knows_since_when_it_was_due(ledger: Ledger) -> None:
    # Given a job that is due in a second and then fails twice, and one that is put back twice
    failing, put_back = ledger.dispatch(stumble, "desk", delay=1), ledger.dispatch(step_aside, "desk")
    dispatched = ledger.job(failing).created_at
    # When they run as soon as they are due
    ledger.work()
    # Then none waited for long: neither the delay nor the pauses between the tries count
    for job in (failing, put_back):
        assert len(ledger.attempts(job)) == 3
        assert all(0 <= wait < 1 for wait in waits(ledger, job))
        assert all(later.due_at > sooner.finished_at for sooner, later in pairwise(ledger.attempts(job)))
    assert (ledger.attempts(failing)[0].due_at - dispatched).total_seconds() == pytest.approx(1, abs=0.01)


def test_an_attempt_after_a_retry_or_a_lost_lease_was_due_since_then(ledger: Ledger) -> None:
    # Given a job whose worker dies, and which then fails
    job = ledger.dispatch(fit, "shelf")
    ledger.hand_over()
    ledger.claim()
    ledger.connection.execute("update jobs set lease_until = clock_timestamp() where id = %s", (job,))
    wait_until(ledger.reap)
    ledger.work()
    # When it is retried
    retry(ledger, [job])
    mend(ledger, "shelf")
    ledger.work()
    # Then each attempt was due after the one before it had ended
    lost, failed, done = ledger.attempts(job)
    assert [one.outcome for one in (lost, failed, done)] == ["lost", "failed", "succeeded"]
    assert lost.due_at < lost.started_at < failed.due_at < failed.finished_at < done.due_at
    assert all(0 <= wait < 1 for wait in waits(ledger, job))


def test_a_skipped_job_has_succeeded_with_the_reason(ledger: Ledger) -> None:
    job = ledger.dispatch(leave_the_line, "till", "skip")
    ledger.work()
    assert (ledger.job(job).state, ledger.job(job).reason) == ("succeeded", "nothing to do for till")
    assert ledger.outcomes(job) == ["succeeded"]


def test_a_skipped_link_and_a_skipped_member_let_the_others_go_on(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        chain(leave_the_line.message("till", "skip"), saw).dispatch(tx, "oak")
    ledger.work()
    assert ledger.effects() == ["saw oak"]


def test_a_job_tells_how_far_it_is_while_it_runs_and_starts_from_nothing_when_tried_again(ledger: Ledger) -> None:
    # Given a job at work in a unit
    ledger.relay()
    ledger.unit()
    job = ledger.dispatch(stare, "at the wall", 3.0)
    # Then its row tells more and more
    first = wait_until(lambda: ledger.job(job).progress)
    wait_until(lambda: ledger.job(job).progress > first)
    # And when it is cancelled and retried, it starts from nothing
    cancel(ledger, job)
    assert 0 < ledger.job(job).progress < 100
    ledger.connection.execute("insert into paused_queues (queue, paused_by) values ('default', 'Nour')")
    retry(ledger, [job])
    assert ledger.job(job).progress is None
