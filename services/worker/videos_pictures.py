"""A video's poster and storyboard: each is shown as soon as it is there, whoever else is at work for an hour."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from services.worker import video_files
from services.worker.ffmpeg import pictures
from services.worker.ffmpeg.errors import Broken, Failed, Stopped
from services.worker.ffmpeg.watch import Watch
from services.worker.video_work import BACKOFF, Work, at_work, check_room, fault, given_up, storable, wanted
from shared.db.sql import video_work
from shared.jobs.job import job
from shared.jobs.outcomes import Skip
from shared.jobs.running import Running

WATCH = Watch(wall=100, stall=60, disk=64 * 2**20)


@job(queue="media", tries=3, backoff=BACKOFF, timeout=120, failed=given_up)
def make_poster(job: Running, video_id: UUID, generation: int) -> None:
    """Show a picture of the video."""
    with picturing(job, video_id, generation) as work:
        made = pictures.poster(work.source, work.plan, work.folder, WATCH)
        video_files.place(made, video_files.media_of(video_id, generation))
        with job.finishing() as tx:
            video_work.keep_poster(tx, wanted(tx, video_id, generation))


@job(queue="media", tries=3, backoff=BACKOFF, timeout=120, failed=given_up)
def make_storyboard(job: Running, video_id: UUID, generation: int) -> None:
    """Show small pictures by which a place is found; their index comes after them."""
    with picturing(job, video_id, generation) as work:
        for made in pictures.storyboard(work.source, work.plan, work.folder, WATCH):
            video_files.place(made, video_files.media_of(video_id, generation))
        with job.finishing() as tx:
            video_work.keep_storyboard(tx, wanted(tx, video_id, generation))


@contextmanager
def picturing(job: Running, video_id: UUID, generation: int) -> Iterator[Work]:
    """Work on a picture. A video of which none can be made is a video all the same: whoever transcodes it judges.

    So is one of which none was made in time, twice: to look through hours of film takes longer than others may wait.
    """
    with at_work(job, video_id, generation) as work:
        check_room(work.video, work.plan, 0)
        try:
            yield work
        except (Broken, Failed) as error:
            too_long = isinstance(error, Stopped) and job.claimed.failures > 0
            if fault(error) is None and not too_long:
                raise
            raise Skip(f"there is no picture: {storable(error)}") from error
