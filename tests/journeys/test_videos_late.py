"""A worker that was frozen and wakes, or does not hear that its commit went through: what others need stays there."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from services.worker import video_files
from services.worker.ffmpeg import transcode
from services.worker.ffmpeg.watch import Watch
from services.worker.video_work import Work, at_work
from shared.db.engine import connect
from shared.jobs.claim import claim
from shared.jobs.interrupt import Interrupted
from shared.jobs.outcomes import Fenced
from shared.jobs.reaper import reap_workers
from shared.jobs.running import Running
from tests.films import Studio, film

FROZEN = "frozen@cairo"


def transcoding(studio: Studio, video: UUID) -> UUID:
    """Let all be done that comes before, and return the job that is next."""
    studio.work(until=lambda: any(job.state == "queued" for job in studio.jobs(video, "transcode_video")))
    (job,) = studio.jobs(video, "transcode_video")
    studio.rows("update jobs set state = 'queued', queued_at = now() where id = %s", job.id)
    return UUID(str(job.id))


@contextmanager
def held(studio: Studio, job: UUID) -> Iterator[Running]:
    """Be a worker that has claimed the job."""
    (claimed,) = claim(studio.connection, FROZEN, [job], alone=True)
    with connect() as connection:
        yield Running(claimed, connection)


def done(studio: Studio, video: UUID) -> bool:
    return any(job.state == "succeeded" for job in studio.jobs(video, "transcode_video"))


def make(work: Work) -> None:
    transcode.transcode(work.source, work.plan, work.folder, Watch())
    with work.job.finishing() as tx:
        work.keep(tx, "stream")


def test_a_worker_that_wakes_too_late_takes_nothing_from_its_successor(studio: Studio) -> None:
    # Given a worker that freezes in the middle of a job
    video = studio.upload(film(1))
    job = transcoding(studio, video)
    with held(studio, job) as frozen, pytest.raises(Fenced), at_work(frozen, video, 1) as work:  # noqa: PT012 - the block is the work
        # When another has done its work meanwhile, and it wakes
        reap_workers(studio.connection, [FROZEN])
        studio.work(until=lambda: done(studio, video))
        assert done(studio, video)
        make(work)
    # Then its own files are gone, and the other's are shown
    assert not work.folder.exists()
    studio.work()
    assert studio.status(video) == "completed"
    assert studio.on_disk() == studio.expected(video)


def test_a_worker_that_wakes_before_it_has_a_folder_takes_none_from_its_successor(studio: Studio) -> None:
    video = studio.upload(film(1))
    job = transcoding(studio, video)
    with held(studio, job) as frozen:
        # Given one that has just asked whether the video is wanted, and another that has made it meanwhile
        reap_workers(studio.connection, [FROZEN])
        studio.work(until=lambda: done(studio, video))
        # When it goes on
        video_files.fresh(video, 1, job, frozen.attempt)
    # Then nothing is lost
    studio.work()
    assert studio.status(video) == "completed"
    assert studio.on_disk() == studio.expected(video)


@pytest.mark.parametrize(
    "after", [psycopg.OperationalError("the line broke"), Interrupted()], ids=["line", "interrupt"]
)
def test_what_was_kept_is_there_although_its_worker_did_not_hear_so(studio: Studio, after: BaseException) -> None:
    # Given a worker whose commit went through, and who did not hear it
    video = studio.upload(film(1))
    job = transcoding(studio, video)
    with held(studio, job) as running, pytest.raises(type(after)), at_work(running, video, 1) as work:  # noqa: PT012 - the block is the work
        make(work)
        raise after
    # Then what it made is there for the next
    assert work.folder.is_dir()
    studio.work()
    assert studio.status(video) == "completed"
    assert studio.on_disk() == studio.expected(video)
