"""The lecture's ProcessVideo: from an upload to what is played, through the real ledger and the real FFmpeg."""

from collections.abc import Callable
from uuid import UUID

import pytest

from services.worker.videos import publish_video
from services.worker.videos_ending import MAKING, fail_video
from services.worker.videos_pictures import make_poster
from services.worker.videos_transcoding import transcode_video
from shared.domain.videos import FAILED, SENTENCES, Refusal
from shared.jobs.job import JobType
from shared.jobs.outcomes import EndChain
from tests.films import Studio, cut_off, film, frames, seconds
from tests.shop import environment

OPEN = "select name from jobs where state in ('blocked', 'scheduled', 'queued', 'running')"


def until_done(studio: Studio, video: UUID, name: str) -> Callable[[], bool]:
    """Say when a job has succeeded: `studio.work(until=…)`."""
    return lambda: any(job.state == "succeeded" for job in studio.jobs(video, name))


def test_an_upload_becomes_a_video_that_can_be_played(studio: Studio) -> None:
    # Given a film of two seconds
    video = studio.upload(film(2))
    # When the workers are done
    studio.work()
    # Then it is completed, with what the lecture asks for
    row = studio.row(video)
    assert (row.status, row.percent, row.published, row.poster, row.storyboard) == ("completed", 100, 1, 1, 1)
    assert (row.width, row.height) == (320, 240)
    assert abs(row.duration_ms - 2000) < 50
    assert row.completed_at is not None
    # And it can be played, in whole
    stream = studio.media(video) / "stream"
    assert frames(stream / "240" / "index.m3u8") == 60
    assert abs(seconds(stream / "video.mp4") - 2) < 0.1
    # And nothing else is on the disk
    assert studio.on_disk() == studio.expected(video)
    # And it was told once
    assert studio.facts(video) == ["VideoUploaded", "VideoProcessed"]
    assert {job.state for job in studio.jobs(video)} == {"succeeded"}
    assert studio.jobs(video, "probe_video")[0].chain_id == row.chain_id


def test_a_film_without_sound_is_a_video_too(studio: Studio) -> None:
    video = studio.upload(film(1, sound=False))
    studio.work()
    assert studio.status(video) == "completed"
    assert not (studio.media(video) / "stream" / "audio").exists()


def test_the_percent_never_goes_back_and_a_poster_comes_early(studio: Studio) -> None:
    video = studio.upload(film(2))
    seen: list[int] = []

    def look() -> bool:
        seen.append(studio.row(video).percent)
        return False

    # When it is looked at before each job
    studio.work(until=look)
    # Then it goes on and on
    assert seen == sorted(seen)
    assert {0, 5} < set(seen)
    # And the jobs say how far each was
    (transcode,) = studio.jobs(video, "transcode_video")
    assert transcode.progress is not None


def test_what_is_shown_is_there_before_the_rest_is_made(studio: Studio) -> None:
    video = studio.upload(film(2))
    studio.work(until=until_done(studio, video, "make_poster"))
    row = studio.row(video)
    assert (row.status, row.poster, row.published) == ("processing", 1, None)
    assert (studio.media(video) / "poster.jpg").read_bytes().startswith(b"\xff\xd8")
    assert not (studio.media(video) / "stream").exists()


# --- whose fault it is ---------------------------------------------------------------------------------------------


def test_what_is_no_video_is_rejected_at_once_with_a_reason_for_people(studio: Studio) -> None:
    # Given a file that is no video
    video = studio.upload(b"<html>walnut-desk</html>" * 100, "film.mp4")
    # When the workers are done
    studio.work()
    # Then it was looked at once, and its owner can read why it is refused
    assert studio.said(video) == ("rejected", "not_a_video", SENTENCES[Refusal.NOT_A_VIDEO])
    assert studio.facts(video) == ["VideoUploaded", "VideoRejected"]
    (probe,) = studio.jobs(video, "probe_video")
    assert (probe.state, probe.attempt, probe.failures) == ("succeeded", 1, 0)
    assert {job.state for job in studio.jobs(video) if job.name in (*MAKING, "begin_batch")} == {
        "succeeded",
        "cancelled",
    }
    # And nothing is left of it but what was uploaded
    assert studio.on_disk() == studio.expected() | {f"uploads/{video}"}


def test_a_film_that_breaks_off_is_rejected_when_that_is_found(studio: Studio) -> None:
    # Given a film that says it has four seconds, and has less
    video = studio.upload(cut_off(film(4, sound=False)))
    # When the workers are done
    studio.work()
    # Then nothing of it was ever shown, and nobody tried again
    assert studio.said(video) == ("rejected", "damaged", SENTENCES[Refusal.DAMAGED])
    assert studio.facts(video) == ["VideoUploaded", "VideoRejected"]
    assert {job.failures for job in studio.jobs(video)} == {0}
    assert not (studio.media(video) / "stream").exists()
    assert not studio.working(video).exists()
    assert studio.rows(OPEN) == []


def test_trouble_of_the_machine_is_tried_again(studio: Studio) -> None:
    # Given a disk that is broken for a while
    video = studio.upload(film(1))
    obstacle = studio.block_work(video)
    studio.work(until=lambda: any(job.failures for job in studio.jobs(video)))
    # Then the video is still under way
    assert studio.said(video) == ("processing", None, None)
    (poster,) = studio.jobs(video, "make_poster")
    assert (poster.state, poster.failures, poster.reason) == ("scheduled", 1, "retrying")
    # When the disk is mended
    obstacle.unlink()
    studio.work()
    # Then nobody notices
    assert studio.status(video) == "completed"
    assert studio.facts(video) == ["VideoUploaded", "VideoProcessed"]
    assert studio.on_disk() == studio.expected(video)


def test_when_all_tries_are_used_up_it_has_failed_once_and_can_be_processed_again(studio: Studio) -> None:
    # Given a disk that stays broken
    video = studio.upload(film(1))
    obstacle = studio.block_work(video)
    # When all tries are used up
    studio.work()
    # Then it has failed, once, whichever job gave up first, and none is open
    assert studio.said(video) == ("failed", *FAILED)
    assert studio.facts(video) == ["VideoUploaded", "VideoFailed"]
    assert max(job.failures for job in studio.jobs(video)) == 3
    assert studio.rows(OPEN) == []
    # When the disk is mended and its owner wants it processed again
    obstacle.unlink()
    studio.resubmit(video)
    studio.work()
    # Then it is a video, of the second generation, and what it said before is forgotten
    assert studio.said(video) == ("completed", None, None)
    assert studio.row(video).published == 2
    assert studio.facts(video) == ["VideoUploaded", "VideoFailed", "VideoResubmitted", "VideoProcessed"]
    assert studio.on_disk() == studio.expected(video, generation=2)


def test_an_upload_whose_file_is_lost_fails_at_once(studio: Studio) -> None:
    video = studio.upload(film(1))
    studio.source(video).unlink()
    studio.work()
    assert studio.said(video) == ("failed", *FAILED)
    assert [job.attempt for job in studio.jobs(video, "probe_video")] == [1]


def test_a_full_disk_is_waited_for_and_burns_no_try(studio: Studio) -> None:
    video = studio.upload(film(1))
    # Given a disk with less room than is to be kept free
    with environment(DISK_RESERVE_BYTES=str(2**60)):
        studio.work(until=lambda: any(job.deferrals for job in studio.jobs(video, "transcode_video")))
        (waiting,) = studio.jobs(video, "transcode_video")
        assert (waiting.state, waiting.failures) == ("scheduled", 0)
        (attempt,) = studio.rows("select outcome, error from job_attempts where job_id = %s", waiting.id)
        assert attempt.outcome == "released"
        assert "no room: " in attempt.error
        assert studio.status(video) == "processing"
    # When there is room
    studio.work()
    assert studio.status(video) == "completed"


@pytest.mark.parametrize("name", ["make_poster", "make_storyboard", "publish_video"])
def test_a_full_disk_is_waited_for_by_whatever_writes(studio: Studio, name: str) -> None:
    # Given a disk that is full just when it is this job's turn
    video = studio.upload(film(1))
    studio.work(until=lambda: any(job.state == "queued" for job in studio.jobs(video, name)))
    with environment(DISK_RESERVE_BYTES=str(2**60)):
        studio.work(until=lambda: any(job.deferrals or job.state == "succeeded" for job in studio.jobs(video, name)))
    # Then it waits, and has failed at nothing
    (waiting,) = studio.jobs(video, name)
    assert (waiting.state, waiting.failures, waiting.deferrals) == ("scheduled", 0, 1)
    # And when there is room, nobody notices
    studio.work()
    assert studio.status(video) == "completed"
    assert studio.on_disk() == studio.expected(video)


# --- twice, and in the middle ----------------------------------------------------------------------------------------


def test_an_attempt_that_died_between_the_rename_and_the_commit_is_followed_by_one_that_only_commits(
    studio: Studio,
) -> None:
    # Given a publishing whose commit fails
    video = studio.upload(film(1))
    studio.rows("create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    studio.rows(
        "create trigger refuse before update on videos for each row when (new.status = 'completed')"
        " execute function refuse()"
    )
    studio.work(until=lambda: any(job.failures for job in studio.jobs(video, "publish_video")))
    stream = studio.media(video) / "stream"
    there_since = stream.stat().st_ctime_ns
    # Then it is not said to be there, although it is
    assert studio.row(video).published is None
    # When it is tried again
    studio.rows("drop trigger refuse on videos")
    studio.work()
    # Then it is shown, and was made once
    assert studio.facts(video) == ["VideoUploaded", "VideoProcessed"]
    assert stream.stat().st_ctime_ns == there_since
    assert studio.on_disk() == studio.expected(video)


@pytest.mark.parametrize("late", [publish_video, transcode_video, make_poster], ids=lambda kind: kind.name)
def test_a_late_duplicate_does_nothing(studio: Studio, late: JobType) -> None:
    video = studio.upload(film(1))
    studio.work()
    before = studio.row(video)
    with pytest.raises(EndChain, match="too late: the video is completed"):
        late.now(video, 1)
    fail_video.now(video, 1, "the walnut broke")
    assert studio.row(video) == before
    assert studio.facts(video) == ["VideoUploaded", "VideoProcessed"]
    assert studio.on_disk() == studio.expected(video)


def made(studio: Studio, video: UUID) -> int:
    return [job.state for job in studio.jobs(video, "transcode_video")].count("succeeded")


def test_processing_again_shows_the_old_one_until_the_new_one_is_there(studio: Studio) -> None:
    # Given a video
    video = studio.upload(film(1))
    studio.work()
    # When it is processed again
    studio.resubmit(video)
    studio.work(until=lambda: made(studio, video) == 2)
    row = studio.row(video)
    assert (row.status, row.generation, row.published) == ("processing", 2, 1)
    assert (studio.media(video, 1) / "stream" / "master.m3u8").exists()
    studio.work()
    # Then the new one is shown; the old one is kept for those who are just playing it
    assert studio.row(video).published == 2
    assert studio.on_disk() == studio.expected(video, generation=2) | {f"media/{video}/1/stream"} | {
        f"media/{video}/1/{name}" for name in ("poster.jpg", "storyboard.jpg", "storyboard.vtt")
    }
    assert studio.facts(video).count("VideoProcessed") == 2
