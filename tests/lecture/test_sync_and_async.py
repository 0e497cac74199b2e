"""Lecture, question 1: the difference between sync and async jobs.

    ProcessPodcast::dispatchSync($podcast);                    process_podcast.now(podcast_id)
    ProcessPodcast::dispatch($podcast);                        process_podcast.dispatch(tx, podcast_id)

Sync waits at the counter: it is done, or has failed, when the call comes back. Async takes a number and goes.
"""

from pathlib import Path

import pytest

from shared.jobs.testing import drain
from tests.lecture.jobs import process_podcast, process_video, processed, record_podcast
from tests.ledger import Ledger
from tests.ledger_jobs import write_down


def test_sync_is_done_when_the_call_comes_back(lecture: Ledger) -> None:
    # Given a podcast
    podcast = record_podcast(lecture, "Queues")
    # When it is processed here and now
    process_podcast.now(podcast)
    # Then it is done, and no job was written down
    assert processed(lecture, podcast) == "QUEUES"
    assert lecture.rows("select * from jobs") == []


@pytest.mark.usefixtures("lecture", "films")
def test_an_error_of_a_sync_job_reaches_the_caller() -> None:
    with pytest.raises(FileNotFoundError, match=r"lost\.mp4"):
        process_video.now("lost.mp4")


def test_async_is_done_by_a_worker_and_its_errors_are_the_ledgers(lecture: Ledger, films: Path) -> None:
    # Given a film that is not there, when its job is dispatched
    assert not (films / "lost.mp4").exists()
    job = lecture.dispatch(process_video, "lost.mp4")
    # Then the caller hears of no error, and a worker meets it
    assert lecture.job(job).state == "scheduled"
    drain(lecture.connection)
    assert lecture.job(job).error.startswith("FileNotFoundError")


def test_a_real_worker_does_it_in_another_process(ledger: Ledger) -> None:
    # Given a relay and a worker
    ledger.relay()
    ledger.unit()
    # When a job is dispatched
    job = ledger.dispatch(write_down, "walnut-desk")
    # Then it is done elsewhere
    assert ledger.wait_for(job, "succeeded").worker.startswith("fast-0@")
    assert ledger.effects() == ["walnut-desk"]
