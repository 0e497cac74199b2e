"""Tests of a shop may run everything that is due, with what follows from it, and let time pass."""

from datetime import timedelta

import pytest

from shared.db.transaction import Transaction
from shared.jobs import operations
from shared.jobs.batch import batch, find_batch
from shared.jobs.job import job
from shared.jobs.outcomes import Release
from shared.jobs.testing import drain
from tests.ledger import Ledger
from tests.ledger_jobs import LISTENERS, craft, saw, wait_long, write_down

HOUR = timedelta(hours=1)


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


# --- its jobs ---


@job()
def tick(tx: Transaction, left: int) -> None:
    if left:
        tick.dispatch(tx, left - 1, delay=1800)


@job()
def go_round() -> None:
    raise Release(0, "round and round")
