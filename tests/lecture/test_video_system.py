"""Lecture, example 1: the video processing system.

    class ProcessVideoJob implements ShouldQueue {             def process_video(event): return [chain(
        public $timeout = 3600;                                    probe_video, batch(make_poster, make_storyboard,
        public function handle(VideoProcessor $processor) {                           transcode_video), publish_video)]
            $this->video->update(['status' => 'processing']);  probe_video: videos.move(tx, video, PROCESSING)
            $result = $processor->process($this->video);       transcode_video: transcode.transcode(...)
            $this->video->update(['status' => 'completed',     publish_video: videos.move(tx, video, COMPLETED)
                'processed_url' => $result->url,
                'duration' => $result->duration]);
            event(new VideoProcessed($this->video));               record(tx, VideoProcessed(video=video))
        }
        public function failed(Exception $e) {                 @job(..., failed=given_up) -> fail_video
            Log::error('Video processing failed', ...);            log.error("a video failed", ...)
            Notification::send($this->video->user, ...);           record(tx, VideoFailed(video=failed))
        }                                                      VideoFailed: [tell_owner_of_failure]

Mended: the lecture writes `failed` at each attempt's error, so that the status flaps while it is tried again; here only
the last failure does. It records the result and tells of it in separate steps; here both are one transaction.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.worker.listeners import LISTENERS
from shared.clock import now
from shared.config import settings
from shared.jobs.job import REGISTRY
from shared.jobs.testing import drain
from tests.films import Studio, film
from tests.shop import Shop, environment

HOUR = timedelta(hours=1)
LAYLA = "+201001234567"


@pytest.fixture
def studio(store: Shop, tmp_path: Path) -> Iterator[Studio]:
    """The videos of a customer with a phone."""
    store.connection.execute("update users set phone = %s, locale = 'en'", (LAYLA,))
    with environment(FILES=str(tmp_path / "files"), DISK_RESERVE_BYTES="0"):
        yield Studio(store.connection, store.customer)


def has_failed(studio: Studio, video: UUID, times: int) -> bool:
    return [job.failures for job in studio.jobs(video, "make_poster")] == [times]


def test_it_is_done_with_the_lectures_time_tries_and_waits() -> None:
    transcode = REGISTRY["transcode_video"]
    assert (transcode.queue, transcode.tries, transcode.timeout) == ("processing", 3, 3600)
    assert settings().video_backoff_seconds == transcode.backoff == (60, 120, 180)


def test_a_video_is_processed_in_the_background_and_its_owner_is_told(studio: Studio, store: Shop) -> None:
    # Given a film that was uploaded: the request is over by now
    video = studio.upload(film(2), "فيلم العيد.mp4")
    assert studio.status(video) == "uploaded"
    # When the workers begin
    drain(studio.connection, LISTENERS, until=lambda: studio.status(video) != "uploaded")
    assert studio.status(video) == "processing"
    # When they are done
    drain(studio.connection, LISTENERS)
    # Then it is completed, and the event says from where it is played and how long it is
    (fact,) = studio.rows("select payload from events where name = 'VideoProcessed'")
    said = fact.payload["video"]
    assert (said["status"], said["processed_url"]) == ("completed", f"/videos/{video}/master.m3u8")
    assert abs(said["duration"] - 2) < 0.05
    # And its owner is told of that
    assert [mail["subject"] for mail in store.sandbox.mailbox(channel="mail")] == [
        "Your video is ready: فيلم العيد.mp4"
    ]


def test_an_error_is_tried_again_after_a_minute_then_two_and_only_then_has_it_failed(
    studio: Studio, store: Shop
) -> None:
    # Given a film, and a disk that is broken
    video = studio.upload(film(1), "walnut-desk.mp4")
    studio.block_work(video)
    # When it is tried, it waits for a minute, then for two, give or take a fifth, and is not called failed meanwhile
    for tries, wait in enumerate((60, 120), start=1):
        drain(studio.connection, LISTENERS, ahead=HOUR, until=partial(has_failed, studio, video, tries))
        (poster,) = studio.jobs(video, "make_poster")
        assert (poster.state, poster.reason) == ("scheduled", "retrying")
        assert 0.75 * wait < (poster.available_at - now()).total_seconds() <= 1.2 * wait
        assert studio.status(video) == "processing"
    # When the last try fails too
    with capture_logs() as log:
        drain(studio.connection, LISTENERS, ahead=HOUR)
    # Then it has failed, once, with the error in the log and with every attempt
    assert studio.status(video) == "failed"
    assert studio.facts(video) == ["VideoUploaded", "VideoFailed"]
    (line,) = [line for line in log if line["event"] == "a video failed"]
    assert (line["video"], line["log_level"]) == (str(video), "error")
    assert str(studio.working(video).parent) in line["error"]
    # And its owner is told by mail and by SMS
    assert [sms["text"] for sms in store.sandbox.mailbox(channel="sms")] == [
        'We could not process your video "walnut-desk.mp4". Please try again.'
    ]
    assert [mail["subject"] for mail in store.sandbox.mailbox(channel="mail")] == [
        "We could not process your video: walnut-desk.mp4"
    ]
