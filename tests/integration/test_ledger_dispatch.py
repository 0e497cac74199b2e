"""What a dispatched job becomes: in its transaction, in its queue, in its turn, with what it asked for."""

from contextlib import suppress

import pytest

from shared.clock import now
from shared.ids import new_id
from shared.jobs.job import Message, dispatch
from tests.ledger import Ledger
from tests.ledger_jobs import break_down, build, count_stock, do_nothing, write_down


def test_what_is_rolled_back_was_never_dispatched(ledger: Ledger) -> None:
    # Given a transaction that dispatches a job, and then breaks
    with suppress(KeyError), ledger.transaction() as tx:
        write_down.dispatch(tx, "walnut-desk")
        assert tx.one("select count(*) as jobs from jobs").jobs == 1
        raise KeyError("the lights went out")
    # When the relay and a worker have had their turn
    ledger.work()
    # Then there is no job, and nothing was done
    assert ledger.rows("select * from jobs") == []
    assert ledger.effects() == []


def test_a_committed_job_runs_once_and_keeps_its_attempt(ledger: Ledger) -> None:
    job = ledger.dispatch(write_down, "walnut-desk")
    ledger.work()
    row = ledger.job(job)
    assert (row.state, row.attempt, row.failures, row.lost) == ("succeeded", 1, 0, 0)
    assert ledger.outcomes(job) == ["succeeded"]
    assert ledger.effects() == ["walnut-desk"]


def test_a_delayed_job_waits_for_its_moment(ledger: Ledger) -> None:
    # Given a job for in half a second
    before = now()
    job = ledger.dispatch(write_down, "later", delay=0.5)
    # When the relay looks at once
    ledger.hand_over()
    # Then it stays where it is
    assert ledger.job(job).state == "scheduled"
    # And it runs when it is due, not before
    ledger.work()
    assert (ledger.job(job).started_at - before).total_seconds() >= 0.5


def test_a_job_can_be_sent_to_another_queue(ledger: Ledger) -> None:
    # Given a job of the queue `default`, dispatched to `processing`
    job = ledger.dispatch(write_down, "walnut-desk", queue="processing")
    ledger.hand_over()
    # Then the workers of `default` do not find it, those of `processing` do
    assert ledger.claim("default") == []
    assert [claimed.id for claimed in ledger.claim("processing")] == [job]


def test_lower_numbers_go_first_then_the_older(ledger: Ledger) -> None:
    # Given jobs of three priorities in no order
    for what, priority in (("second", 0), ("fourth", 5), ("first", -5), ("third", 0)):
        ledger.dispatch(write_down, what, priority=priority)
    # When one worker runs them
    ledger.work()
    # Then it was their turn by priority, and by age within one
    assert ledger.effects() == ["first", "second", "third", "fourth"]


def test_a_full_window_keeps_room_for_what_is_more_urgent(ledger: Ledger) -> None:
    # Given a window of two, filled with jobs that can wait
    ledger.set(hand_over_at_least=2)
    for what in ("desk", "chair", "lamp"):
        ledger.dispatch(write_down, what)
    ledger.hand_over()
    # When something urgent comes
    ledger.dispatch(write_down, "the customer is at the door", priority=-1)
    ledger.work()
    # Then it overtakes what had not been handed over yet
    assert ledger.effects() == ["desk", "chair", "the customer is at the door", "lamp"]


def test_a_unique_job_refuses_its_double_while_it_is_open(ledger: Ledger) -> None:
    # Given a unique job that waits
    ledger.dispatch(count_stock, "walnut-desk")
    # When its double and another one are dispatched
    with ledger.transaction() as tx:
        double, other = count_stock.dispatch(tx, "walnut-desk"), count_stock.dispatch(tx, "oak-chair")
    # Then only the double is refused
    assert double is None
    assert other is not None
    # And once the first has ended, the same is accepted again
    ledger.work()
    assert ledger.effects() == ["counted walnut-desk", "counted oak-chair"]
    ledger.dispatch(count_stock, "walnut-desk")


def test_a_unique_job_is_still_open_while_it_runs(ledger: Ledger) -> None:
    ledger.dispatch(count_stock, "walnut-desk")
    ledger.hand_over()
    assert ledger.claim()
    with ledger.transaction() as tx:
        assert count_stock.dispatch(tx, "walnut-desk") is None


def test_now_runs_the_job_here(ledger: Ledger) -> None:
    write_down.now("walnut-desk")
    assert ledger.effects() == ["walnut-desk"]
    assert ledger.rows("select * from jobs") == []


@pytest.mark.usefixtures("ledger")
def test_now_gives_its_errors_to_the_caller() -> None:
    with pytest.raises(RuntimeError, match="the vase broke"):
        break_down.now("the vase")


def test_a_job_gets_the_collaborators_it_asks_for_and_its_ids_as_ids(ledger: Ledger) -> None:
    order = new_id()
    ledger.dispatch(build, "walnut-desk", order)
    ledger.work()
    assert ledger.effects() == [f"built walnut-desk for {order}"]


def test_a_job_that_no_worker_knows_yet_goes_back_for_half_a_minute(ledger: Ledger) -> None:
    # Given a job of a newer version of the code
    with ledger.transaction() as tx:
        job = dispatch(tx, Message("polish_desk_by_laser", (), "default", 3))
    assert job is not None
    # When a worker gets it
    ledger.work()
    # Then it waits for a worker that knows it, with the reason, and no try is burnt
    row = ledger.job(job)
    assert (row.state, row.failures, row.deferrals) == ("scheduled", 0, 1)
    assert row.reason == "this worker does not know the job"
    assert 25 < (row.available_at - now()).total_seconds() < 31


def test_a_job_with_the_wrong_number_of_arguments_is_refused_where_it_is_dispatched(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="takes 1 arguments, not 2"), ledger.transaction() as tx:
        write_down.dispatch(tx, "one", "two")


def test_a_message_that_comes_three_times_runs_once(ledger: Ledger) -> None:
    # Given a job whose message is in Redis three times
    job = ledger.dispatch(write_down, "walnut-desk")
    ledger.hand_over()
    ledger.redis.rpush("taboor:queue:default", job.bytes, job.bytes)
    # When all three are taken
    ledger.work()
    assert ledger.claim(at_most=3) == []
    # Then it ran once
    assert ledger.effects() == ["walnut-desk"]
    assert ledger.job(job).attempt == 1


def test_a_paused_queue_starts_nothing_and_loses_nothing(ledger: Ledger) -> None:
    # Given a job already handed over, and another that is not
    first, second = ledger.dispatch(do_nothing), None
    ledger.hand_over()
    # When the queue is paused
    ledger.connection.execute("insert into paused_queues (queue, paused_by) values ('default', 'Nour')")
    second = ledger.dispatch(do_nothing)
    ledger.hand_over()
    # Then neither starts
    assert ledger.claim(at_most=2) == []
    assert ledger.job(second).state == "scheduled"
    # And both run when it goes on
    ledger.connection.execute("delete from paused_queues")
    ledger.set(lost_message_seconds=0)
    ledger.sweep()
    ledger.work()
    assert [ledger.job(job).state for job in (first, second)] == ["succeeded", "succeeded"]
