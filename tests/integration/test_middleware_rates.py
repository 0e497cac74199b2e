"""`rate_limited`: never more starts than were said, counted for all units together; who must wait knows until when."""

from collections.abc import Sequence
from datetime import datetime

from tests.ledger import Ledger
from tests.middleware_jobs import call_up, hurry, name_a_limit_twice, send_postcard, text, text_slowly
from tests.middleware_process import layered_unit

PER_SECOND = 20  # `text`'s
#: The database itself writes down each moment at which a start was taken.
WATCH_STARTS = (
    "create table starts (at timestamptz default clock_timestamp())",
    """
    create function note_start() returns trigger language plpgsql as $$
    begin if new.full_at > old.full_at then insert into starts default values; end if; return null; end $$
    """,
    "create trigger starts after update on job_rates for each row execute function note_start()",
)


def fullest(starts: Sequence[datetime], seconds: float) -> int:
    """Return how many starts the fullest window holds."""
    return max(sum(0 <= (start - first).total_seconds() < seconds for start in starts) for first in starts)


def test_two_units_never_start_more_than_the_rate_and_each_that_waits_asks_about_once(ledger: Ledger) -> None:
    # Given two units, and sixty messages for a carrier that takes twenty a second
    for statement in WATCH_STARTS:
        ledger.connection.execute(statement)
    ledger.relay()
    layered_unit(ledger, "one")
    layered_unit(ledger, "two")
    jobs = [ledger.dispatch(text, f"message {number}") for number in range(60)]
    # When all are sent
    ledger.wait_until_done(30)
    # Then each had its start, and no second had more than twenty
    starts = [row.at for row in ledger.rows("select at from starts order by at")]
    assert len(starts) == len(set(ledger.effects())) == len(ledger.effects()) == 60
    assert fullest(starts, 1) <= PER_SECOND
    # And nobody burnt a try, or asked again and again
    rows = [ledger.job(job) for job in jobs]
    assert {(row.state, row.failures) for row in rows} == {("succeeded", 0)}
    assert sum(row.deferrals for row in rows) / 60 < 4
    # And it did not take much longer than the rate wants
    assert (starts[-1] - starts[0]).total_seconds() < 3 * 60 / PER_SECOND


def test_who_is_over_the_limit_waits_as_long_as_it_must_and_says_so(ledger: Ledger) -> None:
    # Given a carrier that takes one a minute
    jobs = [ledger.dispatch(text_slowly, f"message {number}") for number in range(3)]
    # When three come at once
    ledger.work()
    # Then one is sent, the next waits for a minute, the one after it for two
    assert ledger.effects() == ["message 0"]
    second, third = (ledger.job(job) for job in jobs[1:])
    assert (second.state, second.deferrals, second.failures) == ("scheduled", 1, 0)
    assert second.reason.startswith("rate limited: slow carrier, ")
    assert third.reason.startswith("rate limited: slow carrier, 1")
    waits = [(row.available_at - row.started_at).total_seconds() for row in (second, third)]
    assert 55 < waits[0] < 67
    assert 115 < waits[1] < 127


def test_a_job_that_must_wait_for_one_limit_uses_nothing_of_the_others(ledger: Ledger) -> None:
    # Given a limit for the house and one for each user, and ليلى has used hers up
    ledger.dispatch(call_up, "ليلى")
    ledger.work()
    [before] = ledger.rows("select full_at from job_rates where key = 'house'")
    # When another call to her comes
    job = ledger.dispatch(call_up, "ليلى")
    ledger.work()
    # Then it waits for hers, and the house's is as it was
    assert ledger.job(job).reason.startswith("rate limited: user:ليلى, ")
    [after] = ledger.rows("select full_at from job_rates where key = 'house'")
    assert after.full_at == before.full_at
    # And somebody else is called
    ledger.dispatch(call_up, "عمر")
    ledger.work()
    assert ledger.effects() == ["ليلى", "عمر"]


def test_who_is_not_to_wait_is_skipped_and_stands_in_no_line(ledger: Ledger) -> None:
    # Given one postcard a minute
    sent, skipped = (ledger.dispatch(send_postcard, what) for what in ("from Cairo", "from Luxor"))
    # When two come
    ledger.work()
    # Then the second has succeeded without running
    assert ledger.effects() == ["from Cairo"]
    assert (ledger.job(sent).reason, ledger.job(skipped).state) == (None, "succeeded")
    assert ledger.job(skipped).reason.startswith("rate limited: postcard, ")
    assert ledger.rows("select line_until from job_rates") == [(None,)]


def test_two_limits_with_the_same_key_are_an_error_that_is_seen(ledger: Ledger) -> None:
    job = ledger.dispatch(name_a_limit_twice, "message")
    ledger.work()
    assert ledger.job(job).error == "ValueError: name_a_limit_twice: two of its limits have the same key, of twice"


def test_waiting_does_not_make_a_jobs_time_any_longer(ledger: Ledger) -> None:
    # Given a rate that is used up for longer than the job may be tried
    ledger.dispatch(hurry, "first")
    job = ledger.dispatch(hurry, "second")
    ledger.work()
    assert ledger.job(job).reason.startswith("rate limited: hurried")
    # When it is tried after its time, and there is still no room
    ledger.connection.execute("update jobs set retry_until = clock_timestamp(), available_at = clock_timestamp()")
    ledger.work()
    # Then it failed, and says what it waited for
    row = ledger.job(job)
    assert (row.state, row.deferrals) == ("failed", 1)
    assert row.error.startswith("out of time, and still: rate limited: hurried")
    assert ledger.effects() == ["first"]
