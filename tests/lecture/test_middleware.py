"""Lecture, best practice 4: job middleware when needed.

    class Measured {                                           def measured(job: Running, proceed: Callable[[], None]):
        public function handle(object $job, Closure $next) {       began = time.monotonic()
            ...                                                    proceed()
            $next($job);                                           ...
        }                                                      }
    public function middleware(): array {                      @job(middleware=(measured, ...))
        return [new Measured];
    }

The lecture names middleware and shows none: "if you need something before or after the job". A layer is a function.
What it puts aside burns no try and says why it waits; docs/middleware.md has them all.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from shared.db.transaction import Transaction
from shared.jobs.job import job
from shared.jobs.middleware import Limit, rate_limited, skip_when, throttles_exceptions
from shared.jobs.running import Running
from shared.jobs.testing import drain
from tests.ledger import Ledger
from tests.ledger_jobs import NOTE

took: list[float] = []


def measured(job: Running, proceed: Callable[[], None]) -> None:
    """One's own, in five lines."""
    began = time.monotonic()
    proceed()
    took.append(time.monotonic() - began if job.finished else -1)


@job(middleware=(measured,))
def tell_story(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(tries=1, middleware=(rate_limited(Limit("lecture-sms", 1, seconds=60)),))
def send_newsletter(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(middleware=(skip_when(lambda what: what == "a blank page" and "there is nothing to print"),))
def print_page(job: Running, tx: Transaction, what: str) -> None:
    tx.execute(NOTE, (job.id, what))


@job(tries=5, backoff=(0,), middleware=(throttles_exceptions(2, within=600),))
def call_carrier(what: str) -> None:
    raise ConnectionError(f"nobody answers about {what}")


def test_a_layer_does_something_before_and_after_the_job(ledger: Ledger) -> None:
    # Given a job with a layer of one's own
    took.clear()
    ledger.dispatch(tell_story, "the walnut-desk")
    # When it runs
    drain(ledger.connection)
    # Then the layer lay around it
    assert ledger.effects() == ["the walnut-desk"]
    assert len(took) == 1
    assert 0 <= took[0] < 5


def test_a_rate_puts_jobs_aside_and_burns_none_of_their_tries(ledger: Ledger) -> None:
    # Given three newsletters, of which one may be sent in a minute, each with a single try
    sent = [ledger.dispatch(send_newsletter, city) for city in ("Cairo", "Giza", "Luxor")]
    # When the workers do what they may
    drain(ledger.connection)
    # Then one was sent, and the others say why they wait
    assert len(ledger.effects()) == 1
    assert {ledger.job(job).reason.split(",")[0] for job in sent[1:]} == {"rate limited: lecture-sms"}
    # And after three minutes all are
    drain(ledger.connection, ahead=timedelta(minutes=3))
    assert sorted(ledger.effects()) == ["Cairo", "Giza", "Luxor"]
    assert {ledger.job(job).failures for job in sent} == {0}


def test_what_need_not_be_done_is_skipped_with_its_reason(ledger: Ledger) -> None:
    blank, full = ledger.dispatch(print_page, "a blank page"), ledger.dispatch(print_page, "a poem")
    drain(ledger.connection)
    assert ledger.effects() == ["a poem"]
    assert (ledger.job(blank).state, ledger.job(blank).reason) == ("succeeded", "there is nothing to print")
    assert ledger.job(full).state == "succeeded"


def test_after_failures_in_a_row_nobody_tries_for_a_while(ledger: Ledger) -> None:
    # Given a carrier that does not answer, and a job with five tries
    job = ledger.dispatch(call_carrier, "parcel 1042")
    # When it has failed twice
    drain(ledger.connection)
    # Then it is left alone for ten minutes, and keeps its other tries
    row = ledger.job(job)
    assert (row.state, row.failures) == ("scheduled", 2)
    assert "failed 2 times in a row" in row.reason
    # And then it is tried once more
    drain(ledger.connection, ahead=timedelta(minutes=12))
    assert ledger.job(job).failures == 3
