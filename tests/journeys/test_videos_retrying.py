"""Between two attempts a video says `retrying`: what the API reads is what the ledger really keeps of its jobs."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import Session

from services.api.schemas.videos import Video
from services.api.views_of_videos import video_of
from services.worker.ffmpeg.errors import Stopped
from services.worker.videos_pictures import make_storyboard, picturing
from shared.clock import now
from shared.db.engine import connect
from shared.db.reading import reading, reading_engine
from shared.db.reads import videos
from shared.jobs.outcomes import Skip
from shared.jobs.testing.attempt import Watched
from tests.films import Studio, film


def seen_by_its_owner(video_id: UUID) -> Video:
    """Return what `GET /videos/{id}` shows."""
    engine = reading_engine(1)
    with reading(engine) as session:
        shown = _shown(session, video_id)
    engine.dispose()
    return shown


def _shown(session: Session, video_id: UUID) -> Video:
    found = videos.one(session, video_id)
    assert found is not None
    return video_of(found, videos.waiting(session, [video_id]).get(video_id))


def test_between_two_attempts_a_video_says_when_it_is_tried_again(studio: Studio) -> None:
    # Given a disk that is broken
    video = studio.upload(film(1))
    obstacle = studio.block_work(video)
    # When an attempt has failed
    studio.work(until=lambda: any(job.failures for job in studio.jobs(video)))
    # Then its owner sees which comes, and when: the lecture's minute later
    seen = seen_by_its_owner(video)
    assert (seen.status, seen.reason) == ("retrying", None)
    assert seen.retry is not None
    assert seen.retry.attempt == 2
    assert timedelta(seconds=20) < seen.retry.next_at - now() < timedelta(seconds=100)
    # When the disk is mended, and all has been done
    obstacle.unlink()
    studio.work()
    # Then nothing of it is left
    seen = seen_by_its_owner(video)
    assert (seen.status, seen.retry) == ("completed", None)
    assert seen.processed_url == f"/videos/{video}/master.m3u8"


def test_one_that_has_failed_for_good_says_so_and_retries_no_more(studio: Studio) -> None:
    # Given a disk that stays broken
    video = studio.upload(film(1))
    studio.block_work(video)
    studio.work()
    # Then
    seen = seen_by_its_owner(video)
    assert (seen.status, seen.retry) == ("failed", None)
    assert seen.reason


def test_a_picture_that_takes_too_long_twice_is_done_without(studio: Studio) -> None:
    # Given a film of hours, and a picture that is not made in the time it may take
    video = studio.upload(film(1))
    studio.work(until=lambda: any(job.state == "succeeded" for job in studio.jobs(video, "probe_video")))
    with connect() as connection:
        for failures, ending in ((0, Stopped), (1, Skip)):
            # When that happens, then it is tried again; when it happens again, the film goes on without
            job = Watched(make_storyboard, [str(video), 1], connection, attempt=1, failures=failures)
            with pytest.raises(ending), picturing(job, video, 1):
                raise Stopped("wall", "frame=1440")
