"""Lecture, key concept 2: tries, backoff, release, failed, priorities, cleaning up.

    class ProcessVideo implements ShouldQueue {                @job(queue="processing",
        public $tries = 3;                                          tries=3,
        public $timeout = 120;                                      timeout=120,
        public $backoff = [60, 120, 180];                           backoff=(60, 120, 180),
        public function failed(Exception $e)                        failed=notify_team.message)
        public function handle() {                             def process_video(job, film, processor):
            try { ... } catch (Exception $e) {                     if processor.is_busy(film):
                $this->release(60);                                    job.release(60, "is still being uploaded")
            }                                                      made = processor.process(film)

Mended: the lecture catches every error and releases, so that its backoff is never used and its failed() never sees the
error. Here an error is a try, kept with its trace; only what is no error at all, a film that is not there yet, is
released, and that burns no try.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from shared.clock import now
from shared.jobs.testing import attempt, drain
from tests.lecture.jobs import give_up_on_time, process_podcast, process_video, processed, record_podcast
from tests.ledger import Ledger

HOUR = timedelta(hours=1)


def has_tried(ledger: Ledger, job: UUID, times: int) -> bool:
    return len(ledger.attempts(job)) == times


def test_a_film_that_cannot_be_processed_has_three_tries_with_longer_and_longer_waits(
    lecture: Ledger, films: Path
) -> None:
    # Given a film that is not in its folder
    job = lecture.dispatch(process_video, "lost.mp4")
    # When it is tried, it waits for a minute, then for two, give or take a fifth
    for tries, seconds in enumerate((60, 120), start=1):
        drain(lecture.connection, ahead=HOUR, until=partial(has_tried, lecture, job, tries))
        row = lecture.job(job)
        assert (row.state, row.reason) == ("scheduled", "retrying")
        assert 0.75 * seconds < (row.available_at - now()).total_seconds() <= 1.2 * seconds
    # When the third try fails too
    drain(lecture.connection, ahead=HOUR)
    # Then it failed for good, every attempt's error is kept, and the team is told once, with the error itself
    assert lecture.job(job).state == "failed"
    assert [row.error.split(":")[0] for row in lecture.attempts(job)] == ["FileNotFoundError"] * 3
    assert lecture.effects() == [f"team, lost.mp4 failed: {lecture.job(job).error}"]
    assert str(films / "lost.mp4") in lecture.job(job).error


def test_a_film_that_comes_in_time_is_processed_after_all(lecture: Ledger, films: Path) -> None:
    # Given a film that is not there at the first try
    job = lecture.dispatch(process_video, "late.mp4")
    drain(lecture.connection)
    # When it comes before the second
    (films / "late.mp4").write_bytes(b"film")
    drain(lecture.connection, ahead=HOUR)
    # Then it is processed, and nobody is told of a failure
    assert lecture.outcomes(job) == ["failed", "succeeded"]
    assert lecture.effects() == ["late.mp4: 4 bytes"]


def test_release_puts_the_job_back_for_a_minute_and_burns_no_try(lecture: Ledger, films: Path) -> None:
    # Given a film that is still being uploaded
    (films / "wedding.mp4.being-uploaded").touch()
    attempt(process_video, "wedding.mp4").assert_released(60, "wedding.mp4 is still being uploaded")
    # When it is looked at for an hour, once a minute, with three tries in all
    job = lecture.dispatch(process_video, "wedding.mp4")
    drain(lecture.connection, ahead=HOUR)
    # Then it still waits, says why, and has all its tries
    row = lecture.job(job)
    assert row.deferrals >= 50
    assert (row.state, row.reason, row.failures) == ("scheduled", "wedding.mp4 is still being uploaded", 0)
    # And it is processed when the upload is done
    (films / "wedding.mp4.being-uploaded").rename(films / "wedding.mp4")
    drain(lecture.connection, ahead=timedelta(minutes=2))
    assert lecture.job(job).state == "succeeded"


def test_the_time_limit_is_the_lectures() -> None:
    assert process_video.timeout == 120


@pytest.mark.usefixtures("lecture")
def test_a_time_limit_may_end_a_job_whatever_tries_are_left() -> None:
    attempt(give_up_on_time, "wedding.mp4").assert_failed(TimeoutError)


def test_who_has_priority_goes_first(lecture: Ledger) -> None:
    # Given three podcasts in one queue, the last of them urgent
    started = {}
    for title, priority in (("monday", 0), ("tuesday", 0), ("breaking news", -1)):
        podcast = record_podcast(lecture, title)
        started[title] = lecture.dispatch(process_podcast, podcast, priority=priority)
    # When one worker does them
    ran = drain(lecture.connection)
    # Then the urgent one was first, and the others came in their order
    assert [each.job_id for each in ran] == [started[title] for title in ("breaking news", "monday", "tuesday")]
    assert processed(lecture, podcast) == "BREAKING NEWS"
