"""Batches: what follows when all have succeeded, the first has failed, all have ended; and what reopens them."""

import pytest

from shared.jobs.batch import add_members, batch, cancel_batch
from shared.jobs.chain import chain
from shared.jobs.job import Message
from shared.jobs.running import Claimed
from tests.ledger import Ledger
from tests.ledger_batches import cancel, counts, dispatch, mend, retry, state, told, told_of, work_besides
from tests.ledger_core_jobs import call_off, fit, sweep_up, unpack
from tests.ledger_jobs import break_down, count_stock, saw, write_down


def wares(*what: str) -> list[Message]:
    return [write_down.message(each) for each in what]


def hold(ledger: Ledger, at_most: int = 8) -> list[Claimed]:
    ledger.hand_over()
    return ledger.claim(at_most=at_most)


# --- how it ends ---


def test_when_all_have_succeeded_then_and_finally_run_once_and_catch_never_will(ledger: Ledger) -> None:
    # Given a batch of three
    batch_id = dispatch(ledger, told(*wares("desk", "chair", "lamp")))
    # When two have run
    for claimed in hold(ledger, at_most=2):
        ledger.run(claimed)
    # Then nothing follows yet
    assert counts(ledger, batch_id) == (1, 0, 0, 2)
    assert state(ledger, batch_id).progress == 66
    ledger.hand_over()
    assert [row.state for row in ledger.named("write_down")[3:]] == ["blocked"] * 3
    # And when the last one has run, what was to follow follows
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 0, 3)
    assert told_of(ledger) == ["finally", "then"]
    [catch] = [row for row in ledger.named("write_down") if row.args == ["catch"]]
    assert (catch.state, catch.reason) == ("cancelled", "its batch ended without it")


def test_the_first_failure_calls_catch_once_and_cancels_what_waits(ledger: Ledger) -> None:
    # Given a batch of five, of which two that break and one other are at work
    members = (break_down.message("vase"), break_down.message("mirror"), *wares("desk", "chair", "lamp"))
    batch_id = dispatch(ledger, told(*members))
    vase, mirror, desk = hold(ledger, at_most=3)
    # When the first breaks
    ledger.run(vase)
    # Then the batch is cancelled, with the reason
    assert state(ledger, batch_id).cancelled_at is not None
    assert ledger.rows("select cancelled_because from batches") == [("break_down failed",)]
    # And when the others at work have ended too
    ledger.run(mirror)
    ledger.run(desk)
    ledger.work()
    # Then it is over: what was at work counts as it ended, what waited was cancelled
    assert counts(ledger, batch_id) == (0, 2, 2, 1)
    assert state(ledger, batch_id).progress == 100
    assert told_of(ledger) == ["catch", "finally"]
    [then] = [row for row in ledger.named("write_down") if row.args == ["then"]]
    assert (then.state, then.reason) == ("cancelled", "its batch ended without it")
    assert {row.reason for row in ledger.rows("select reason from jobs where batch_id is not null")} == {
        None,
        "its batch was cancelled",
    }


def test_a_failure_of_the_last_one_ends_the_batch_too(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(*wares("desk"), break_down.message("vase")))
    ledger.work()
    assert counts(ledger, batch_id) == (0, 1, 0, 1)
    assert told_of(ledger) == ["catch", "finally"]


def test_where_failures_are_allowed_the_others_go_on(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(break_down.message("vase"), *wares("desk", "chair")).allow_failures())
    ledger.work()
    assert counts(ledger, batch_id) == (0, 1, 0, 2)
    assert told_of(ledger) == ["catch", "finally"]
    assert {"desk", "chair"} < set(ledger.effects())


def test_a_batch_of_nothing_is_over_at_once(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told())
    assert state(ledger, batch_id).progress == 100
    ledger.work()
    assert told_of(ledger) == ["finally", "then"]
    assert ledger.count_open() == 0


def test_a_callbacks_delay_counts_from_its_call(ledger: Ledger) -> None:
    dispatch(ledger, batch(*wares("desk")).then(write_down.message("later", delay=60)))
    ledger.connection.execute(
        "update jobs set created_at = created_at - interval '1 h', available_at = available_at - interval '1 h'"
    )
    ledger.work()
    [then] = ledger.rows("select *, available_at - clock_timestamp() as away from jobs where state = 'scheduled'")
    assert 50 < then.away.total_seconds() <= 60


# --- retried ---


def test_a_failed_member_that_is_retried_reopens_its_batch_and_then_follows(ledger: Ledger) -> None:
    # Given a batch that ended with a failure
    batch_id = dispatch(ledger, told(fit.message("shelf"), *wares("desk")).allow_failures())
    ledger.work()
    assert counts(ledger, batch_id) == (0, 1, 0, 1)
    # When that one is retried
    mend(ledger, "shelf")
    [shelf] = ledger.named("fit")
    assert retry(ledger, [shelf.id]) == {shelf.id: None}
    # Then the batch is open again
    assert counts(ledger, batch_id) == (1, 0, 0, 1)
    assert state(ledger, batch_id).finished_at is None
    # And when it succeeds, `then` follows; `catch` and `finally` were once in its life
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 0, 2)
    assert told_of(ledger) == ["catch", "finally", "then"]


def test_a_retry_that_fails_again_ends_the_batch_again_and_calls_nobody(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(fit.message("shelf")))
    ledger.work()
    for _ in range(2):
        retry(ledger, [ledger.named("fit")[0].id])
        ledger.work()
        assert counts(ledger, batch_id) == (0, 1, 0, 0)
    assert told_of(ledger) == ["catch", "finally"]


def test_all_that_a_failure_cancelled_can_be_retried_with_it(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(fit.message("shelf"), *wares("desk", "chair")))
    shelf, *_ = hold(ledger, at_most=1)
    ledger.run(shelf)
    ledger.work()
    assert counts(ledger, batch_id) == (0, 1, 2, 0)
    # When only the failed one is retried, the cancelled ones stay as they are, and `then` is not due
    mend(ledger, "shelf")
    retry(ledger, [shelf.id])
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 2, 1)
    assert "then" not in told_of(ledger)
    # And when they are retried as well, it is
    retry(ledger, [row.id for row in ledger.rows("select id from jobs where reason = 'its batch was cancelled'")])
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 0, 3)
    assert told_of(ledger) == ["catch", "finally", "then"]


# --- cancelled ---


def test_a_cancelled_batch_starts_nothing_more_and_is_over_when_what_runs_has_ended(ledger: Ledger) -> None:
    # Given a batch of which one is at work, one on its way to a worker, and one waits
    batch_id = dispatch(ledger, told(*wares("desk", "chair", "lamp")))
    desk, *_ = hold(ledger, at_most=1)
    # When it is cancelled
    with ledger.transaction() as tx:
        assert cancel_batch(tx, batch_id, "ليلى changed her mind")
    # Then no worker may take what is on its way, nor is anything more handed over
    assert ledger.claim(at_most=8) == []
    work_besides(ledger)
    assert counts(ledger, batch_id) == (1, 0, 2, 0)
    # And when the one at work has ended, the batch is over
    ledger.run(desk)
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 2, 1)
    assert told_of(ledger) == ["finally"]
    with ledger.transaction() as tx:
        assert not cancel_batch(tx, batch_id, "again")


def test_it_may_be_cancelled_with_what_runs(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(*wares("desk", "chair")))
    desk, *_ = hold(ledger, at_most=1)
    with ledger.transaction() as tx:
        cancel_batch(tx, batch_id, "no time", also_running=True)
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 2, 0)
    # And the one at work can write nothing any more
    ledger.run(desk)
    assert ledger.effects() == ["finally"]
    [attempt] = ledger.attempts(desk.id)
    assert (attempt.outcome, attempt.error) == ("cancelled", "its batch was cancelled")
    assert counts(ledger, batch_id) == (0, 0, 2, 0)


def test_a_member_may_cancel_its_batch(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(call_off.message("enough"), *wares("desk", "chair")))
    first, *_ = hold(ledger, at_most=1)
    ledger.run(first)
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 2, 1)
    assert ledger.effects() == ["called off: enough", "finally"]


def test_one_member_that_is_cancelled_leaves_the_others_alone(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(*wares("desk", "chair", "lamp")))
    chair = ledger.named("write_down")[1].id
    assert cancel(ledger, chair) == [chair]
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 1, 2)
    assert told_of(ledger) == ["finally"]


# --- added to ---


def test_a_member_can_add_others(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(unpack.message("box", 3)))
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 0, 4)
    assert sorted(ledger.effects()) == ["box 0", "box 1", "box 2", "finally", "then", "unpacked box"]


def test_a_batch_that_is_over_or_cancelled_takes_no_more(ledger: Ledger) -> None:
    over, cancelled = (dispatch(ledger, batch(*wares(what))) for what in ("desk", "chair"))
    with ledger.transaction() as tx:
        cancel_batch(tx, cancelled, "enough")
    ledger.work()
    for batch_id in (over, cancelled):
        with ledger.transaction() as tx:
            assert not add_members(tx, batch_id, write_down.message("late"))
        assert state(ledger, batch_id).total == 1
    assert ledger.effects() == ["desk"]


@pytest.mark.parametrize("unique", [count_stock.message("oak"), sweep_up.message("oak")], ids=["done", "started"])
def test_a_unique_job_is_refused_wherever_others_would_wait_for_it(ledger: Ledger, unique: Message) -> None:
    with ledger.transaction() as tx:
        for wanted in (batch(unique), batch(*wares("desk")).then(unique), batch(chain(saw).message("oak"), unique)):
            with pytest.raises(ValueError, match="a unique job"):
                wanted.dispatch(tx)
    with pytest.raises(ValueError, match="a unique job"):
        chain(saw, unique)
    assert ledger.rows("select 1 from jobs union all select 1 from batches") == []
