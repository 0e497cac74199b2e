"""Lecture, key concept 1: dispatching, later, and elsewhere.

    ProcessPodcast::dispatch($podcast);                        process_podcast.dispatch(tx, podcast_id)
    ProcessPodcast::dispatch($podcast)                         process_podcast.dispatch(tx, podcast_id,
        ->delay(now()->addMinutes(10));                                                 delay=timedelta(minutes=10))
    ProcessPodcast::dispatch($podcast)                         process_podcast.dispatch(tx, podcast_id,
        ->onQueue('processing');                                                        queue="processing")

A job is dispatched in a transaction: what rolls back was never dispatched, what commits cannot get lost.
"""

from contextlib import suppress
from datetime import timedelta

from shared.clock import now
from shared.jobs.testing import drain, recording
from tests.lecture.jobs import process_podcast, processed, publish_episode, record_podcast, refresh_feed
from tests.ledger import Ledger

TEN_MINUTES = timedelta(minutes=10)


def test_a_podcast_is_processed_in_the_background(lecture: Ledger) -> None:
    # Given a podcast whose job is dispatched
    podcast = record_podcast(lecture, "Queues")
    with lecture.transaction() as tx:
        job = process_podcast.dispatch(tx, podcast)
    # Then nothing has happened yet, but its job has an id by which it can be asked about
    assert job is not None
    assert processed(lecture, podcast) is None
    # And a worker does it
    drain(lecture.connection)
    assert processed(lecture, podcast) == "QUEUES"


def test_a_podcast_is_processed_ten_minutes_later_on_its_queue(lecture: Ledger) -> None:
    # Given a podcast that is dispatched for later, to the queue `processing`
    podcast = record_podcast(lecture, "Queues")
    job = lecture.dispatch(process_podcast, podcast, delay=TEN_MINUTES, queue="processing")
    # Then that is when and where it is due
    assert abs((lecture.job(job).available_at - now() - TEN_MINUTES).total_seconds()) < 5
    assert lecture.job(job).queue == "processing"
    # When nine and a half minutes have passed, it still waits
    assert drain(lecture.connection, ahead=timedelta(minutes=9.5)) == []
    # When the tenth is over, the workers of other queues do not take it
    assert drain(lecture.connection, ahead=timedelta(minutes=1), queues=["default"]) == []
    assert processed(lecture, podcast) is None
    # But those of its own do
    drain(lecture.connection, queues=["processing"])
    assert processed(lecture, podcast) == "QUEUES"


def test_what_rolls_back_was_never_dispatched(lecture: Ledger) -> None:
    # Given a podcast that is recorded and dispatched in one transaction, which breaks
    podcast = record_podcast(lecture, "Queues")
    with suppress(ConnectionError), lecture.transaction() as tx:
        process_podcast.dispatch(tx, podcast)
        raise ConnectionError("the line is gone")
    # Then no worker hears of it
    assert drain(lecture.connection, ahead=TEN_MINUTES) == []


def test_a_test_asks_what_was_dispatched(lecture: Ledger) -> None:
    # Given code that dispatches, and a test that does not want it run: Laravel's Queue::fake()
    podcast = record_podcast(lecture, "Queues")
    with recording() as jobs, lecture.transaction() as tx:
        process_podcast.dispatch(tx, podcast, delay=TEN_MINUTES, queue="processing")
    # Then the test asks for it, and nothing was written
    jobs.assert_dispatched(process_podcast, podcast, times=1, delay=TEN_MINUTES, queue="processing")
    assert lecture.count_open() == 0


def test_a_job_that_is_unique_until_it_starts_may_be_dispatched_again_from_then_on(lecture: Ledger) -> None:
    # Given a job that waits, then its double is refused
    with lecture.transaction() as tx:
        assert refresh_feed.dispatch(tx, "Queues", "now") is not None
        assert refresh_feed.dispatch(tx, "Queues", "now") is None
    # When it runs, another is accepted
    drain(lecture.connection)
    assert lecture.effects() == ["Queues now", "Queues again"]


def test_jobs_with_the_same_serial_key_run_in_their_order_whatever_happens_to_the_first(lecture: Ledger) -> None:
    # Given two episodes of one show, of which the first stumbles, and one of another
    for show, episode in (("Queues", 1), ("Queues", 2), ("Workers", 2)):
        lecture.dispatch(publish_episode, show, episode)
    # When the workers do what they can
    drain(lecture.connection)
    # Then the second waits for the first, and the other show for nobody
    assert lecture.effects() == ["Workers 2"]
    # And when the first has had its second try, both are out, in order
    drain(lecture.connection, ahead=timedelta(minutes=2))
    assert lecture.effects() == ["Workers 2", "Queues 1", "Queues 2"]
