"""What tests of a shop may use: recorded dispatches, everything due run here, one attempt of one job."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from shared.db.transaction import Transaction, transaction
from shared.events.expand import expand
from shared.ids import new_id
from shared.jobs import operations
from shared.jobs.batch import add_members, batch, find_batch
from shared.jobs.chain import chain
from shared.jobs.job import job
from shared.jobs.outcomes import Fail, Release, Skip
from shared.jobs.running import Running
from shared.jobs.testing import attempt, drain, recording
from tests.ledger import Ledger
from tests.ledger_jobs import (
    LISTENERS,
    NOTE,
    break_down,
    build,
    count_stock,
    craft,
    do_nothing,
    give_up,
    glue,
    saw,
    say_no,
    say_too_late,
    step_aside,
    stumble,
    unglue,
    unsaw,
    write_down,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def tx(ledger: Ledger) -> Any:
    with transaction(ledger.connection) as tx:
        yield tx


# --- recording ---


def test_what_is_recorded_is_not_written(tx: Transaction) -> None:
    # Given a test that records
    with recording() as jobs:
        # When a job, a chain and a batch are dispatched
        job_id = write_down.dispatch(tx, "walnut-desk")
        craft.dispatch(tx, "oak-chair")
        batch(saw.message("brass-lamp")).dispatch(tx)
    # Then whoever dispatched them has an id, and the ledger has nothing
    assert job_id == jobs.jobs[0].id
    assert [message.name for message in jobs.jobs] == ["write_down", "saw", "glue", "write_down", "saw"]
    assert not tx.all("select 1 from jobs union all select 1 from chains union all select 1 from batches")
    # And afterwards the ledger is written again
    write_down.dispatch(tx, "walnut-desk")
    assert tx.one("select count(*) as n from jobs").n == 1


def test_a_job_is_asked_for_with_its_arguments_its_queue_and_its_delay(tx: Transaction) -> None:
    order = new_id()
    with recording() as jobs:
        build.dispatch(tx, "walnut-desk", order, queue="processing", delay=timedelta(minutes=10))
        build.dispatch(tx, "oak-chair", order)
    # Then what was dispatched is found
    jobs.assert_dispatched(build, times=2)
    jobs.assert_dispatched(build, "walnut-desk", order, times=1, queue="processing", delay=600)
    jobs.assert_dispatched(build, "walnut-desk", str(order), delay=timedelta(minutes=10))
    jobs.assert_dispatched(build, ANY, order, times=2)
    jobs.assert_not_dispatched(build, "brass-lamp", order)
    jobs.assert_not_dispatched(saw)
    # And what was not is missed, in words
    with pytest.raises(AssertionError) as missed:
        jobs.assert_dispatched(build, "walnut-desk", order, queue="processing", delay=60)
    assert str(missed.value).splitlines() == [
        f"expected to be dispatched: build('walnut-desk', {order}) on 'processing' after 60 s",
        "  dispatched was:",
        f"  build('walnut-desk', {order}) on 'processing' after 600 s",
        f"  build('oak-chair', {order}) on 'default'",
    ]
    with pytest.raises(AssertionError, match="build, 3 times and not 2"):
        jobs.assert_dispatched(build, times=3)
    with pytest.raises(AssertionError, match="no build"):
        jobs.assert_not_dispatched(build)
    with pytest.raises(AssertionError, match="dispatched: nothing"):
        jobs.assert_nothing_dispatched()


def test_nothing_dispatched_is_said_so() -> None:
    with recording() as jobs:
        pass
    jobs.assert_nothing_dispatched()
    with pytest.raises(AssertionError, match=r"dispatched: saw\n  dispatched was:\n  nothing"):
        jobs.assert_dispatched(saw)


def test_a_chain_is_asked_for_by_its_links(tx: Transaction) -> None:
    pictures = batch(saw.message("small"), saw.message("large"), name="pictures")
    with recording() as jobs:
        craft.dispatch(tx, "walnut-desk")
        chain(say_no, pictures, write_down.message("done")).dispatch(tx, "oak-chair")
    # Then its links are found with and without arguments, with and without undos, and with batches among them
    jobs.assert_chained(craft, "walnut-desk")
    jobs.assert_chained([saw, glue, write_down])
    jobs.assert_chained([(saw, unsaw), (glue, unglue), write_down], "walnut-desk")
    jobs.assert_chained([say_no, batch(saw.message("small"), saw.message("large")), write_down.message("done")])
    # And the links are jobs that were dispatched, but undos are not
    jobs.assert_dispatched(glue, "walnut-desk", times=1)
    jobs.assert_dispatched(saw, times=3)
    jobs.assert_not_dispatched(unsaw)
    # And others are missed
    for wrong in ([saw, glue], [glue, saw, write_down], [saw, (glue, unsaw), write_down], [say_no, saw, write_down]):
        with pytest.raises(AssertionError, match=r"chain 'craft': saw\('walnut-desk'\) on 'default' \(undo unsaw\) →"):
            jobs.assert_chained(wrong)
    with pytest.raises(AssertionError, match=r"chain 'craft': saw \(undo unsaw\) → glue"):
        jobs.assert_chained(craft, "brass-lamp")


def test_a_batch_is_asked_for_by_its_name_its_members_or_a_question(tx: Transaction) -> None:
    good, bad = write_down.message("all"), write_down.message("not all")
    with recording() as jobs:
        members = (saw.message("small"), saw.message("large"), craft.message("both"))
        batch(*members, name="pictures").then(good).catch(bad).dispatch(tx)
    jobs.assert_batched("pictures")
    jobs.assert_batched(lambda batch: len(batch.members) == 3 and not batch.failures_allowed)
    jobs.assert_batched("pictures", [saw, saw.message("large"), [saw, glue, write_down]])
    jobs.assert_batched(members=[saw, saw, craft])
    jobs.assert_not_dispatched(write_down, "all")  # it may be called, or may not
    told = (
        r"batch 'pictures' of saw\('small'\) .*; then write_down\('all'\) on 'default'; catch write_down\('not all'\)"
    )
    with pytest.raises(AssertionError, match=told):
        jobs.assert_batched("films")
    with pytest.raises(AssertionError, match="a batch like that of saw, saw"):
        jobs.assert_batched(members=[saw, saw])
    with pytest.raises(AssertionError, match="a batch like that"):
        jobs.assert_batched(lambda batch: batch.failures_allowed)


def test_what_joins_a_batch_is_recorded_too(tx: Transaction) -> None:
    pictures = new_id()
    with recording() as jobs:
        assert add_members(tx, pictures, saw.message("small"), saw.message("large"))
    jobs.assert_added(pictures, saw, saw.message("large"))
    with pytest.raises(AssertionError, match=f"added to batch {pictures}: saw"):
        jobs.assert_added(pictures, glue)


def test_some_jobs_are_let_through(ledger: Ledger) -> None:
    with recording(except_=[write_down]) as jobs, ledger.transaction() as tx:
        assert write_down.dispatch(tx, "kept") is not None
        saw.dispatch(tx, "recorded")
        chain(write_down, saw).dispatch(tx, "recorded, because not all of it is let through")
    assert [row.name for row in ledger.rows("select name from jobs")] == ["write_down"]
    jobs.assert_not_dispatched(write_down, "kept")
    jobs.assert_dispatched(saw, times=2)


def test_a_unique_jobs_double_is_refused_as_the_ledger_would(tx: Transaction) -> None:
    with recording() as jobs:
        assert count_stock.dispatch(tx, "walnut-desk") is not None
        assert count_stock.dispatch(tx, "walnut-desk") is None
        assert count_stock.dispatch(tx, "oak-chair") is not None
    jobs.assert_dispatched(count_stock, times=2)


def test_what_listeners_dispatch_is_recorded(ledger: Ledger) -> None:
    ledger.place(7)
    with recording() as jobs, ledger.transaction() as tx:
        assert expand(tx, LISTENERS) == 1
    jobs.assert_dispatched(write_down, "order 7", times=1)
    assert ledger.count_open() == 0


def test_one_records_within_another(tx: Transaction) -> None:
    with recording() as outer:
        with recording() as inner:
            saw.dispatch(tx, "inside")
        saw.dispatch(tx, "outside")
    inner.assert_dispatched(saw, "inside", times=1)
    outer.assert_dispatched(saw, "outside", times=1)
    outer.assert_not_dispatched(saw, "inside")


# --- draining ---


def test_everything_that_is_due_runs_with_what_follows(ledger: Ledger) -> None:
    # Given a fact, a chain, and a batch with something to follow
    ledger.place(7)
    with ledger.transaction() as tx:
        craft.dispatch(tx, "walnut-desk")
        pictures = batch(saw.message("small"), saw.message("large")).then(write_down.message("all")).dispatch(tx)
    # When all is run here, then it tells what ran, and there was nothing else to run
    ran = drain(ledger.connection, LISTENERS)
    assert sorted(each.args[0] for each in ran if each.name == "write_down") == ["all", "order 7", "walnut-desk"]
    assert {each.outcome for each in ran} == {"succeeded"}
    assert len(ran) == 7
    with ledger.transaction() as tx:
        state = find_batch(tx, pictures)
    assert state is not None
    assert state.progress == 100
    assert drain(ledger.connection, LISTENERS) == []


def test_facts_wait_where_no_table_is_given(ledger: Ledger) -> None:
    ledger.place(7)
    assert drain(ledger.connection) == []
    assert [each.args for each in drain(ledger.connection, LISTENERS)] == [("order 7",)]


def test_what_is_delayed_waits_until_time_has_passed(ledger: Ledger) -> None:
    # Given jobs for in ten minutes and in two hours
    ledger.dispatch(write_down, "in ten minutes", delay=600)
    ledger.dispatch(write_down, "in two hours", delay=7200)
    # When nothing passes, nothing runs; then an hour passes, and another, and a little more
    assert drain(ledger.connection) == []
    assert [each.args[0] for each in drain(ledger.connection, ahead=HOUR)] == ["in ten minutes"]
    assert [each.args[0] for each in drain(ledger.connection, ahead=HOUR)] in ([], ["in two hours"])
    drain(ledger.connection, ahead=timedelta(seconds=30))
    assert ledger.effects() == ["in ten minutes", "in two hours"]


def test_time_passes_from_one_moment_to_the_next(ledger: Ledger) -> None:
    # Given jobs that each dispatch the next for half an hour later
    ledger.dispatch(tick, 4)
    # When an hour and a bit passes, then three have run: at once, after half an hour, after an hour
    assert len(drain(ledger.connection, ahead=timedelta(minutes=61))) == 3
    assert ledger.count_open() == 1


def test_tries_take_their_time_or_follow_at_once(ledger: Ledger) -> None:
    ledger.dispatch(wait_long, "walnut-desk")
    # Without time only the first try is made
    assert [each.outcome for each in drain(ledger.connection)] == ["failed"]
    # In an hour the second one
    assert [each.outcome for each in drain(ledger.connection, ahead=HOUR)] == ["failed"]
    # And where tries need not wait, the last
    [last] = drain(ledger.connection, retry_at_once=True)
    assert (last.outcome, last.error, last.attempt) == ("failed", "RuntimeError: walnut-desk is stuck", 3)


def test_only_the_wanted_queues_are_worked_on(ledger: Ledger) -> None:
    ledger.dispatch(write_down, "here")
    there = ledger.dispatch(write_down, "there", queue="processing")
    drain(ledger.connection, queues=["default"])
    # Then the other queue is as it was, for whoever works on it
    assert ledger.effects() == ["here"]
    assert ledger.job(there).state == "scheduled"
    drain(ledger.connection)
    assert ledger.effects() == ["here", "there"]


def test_it_stops_where_it_is_told_to(ledger: Ledger) -> None:
    for what in ("first", "second", "third"):
        ledger.dispatch(write_down, what)
    drain(ledger.connection, until=lambda: "second" in ledger.effects())
    assert ledger.effects() == ["first", "second"]
    assert [row.state for row in ledger.named("write_down")] == ["succeeded", "succeeded", "scheduled"]


def test_a_paused_queue_stays_paused(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        operations.pause(tx, "default", "Nour", "stock-taking")
        write_down.dispatch(tx, "walnut-desk", delay=60)
    assert drain(ledger.connection, ahead=HOUR) == []
    with ledger.transaction() as tx:
        assert operations.resume(tx, "default")
    assert len(drain(ledger.connection)) == 1


def test_who_never_ends_is_stopped(ledger: Ledger) -> None:
    ledger.dispatch(go_round)
    with pytest.raises(AssertionError, match=r"still at work after 0\.2 s, at last with .*go_round"):
        drain(ledger.connection, within=0.2)


# --- one attempt ---


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


@job(tries=3, backoff=(2800,))
def wait_long(what: str) -> None:
    raise RuntimeError(f"{what} is stuck")


@job()
def tick(tx: Transaction, left: int) -> None:
    if left:
        tick.dispatch(tx, left - 1, delay=1800)


@job()
def go_round() -> None:
    raise Release(0, "round and round")


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
