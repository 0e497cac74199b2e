"""The lecture's ProcessVideo: from what was uploaded to what is played, as a chain with a batch in it.

    probe_video → [make_poster, make_storyboard, transcode_video] → publish_video

Of a long video `transcode_video` makes no pictures itself: it adds chunks, and a job that joins them, to the batch.
A killed worker costs the attempt that it was in; finished links, and finished chunks, are kept.
"""

from uuid import UUID

from services.worker import video_files
from services.worker.ffmpeg import finish
from services.worker.ffmpeg.probe import probe
from services.worker.video_work import (
    BACKOFF,
    TIMEOUT,
    Teller,
    Work,
    at_work,
    check_room,
    given_up,
    judging,
    tell,
    wanted,
)
from services.worker.videos_ending import tidy_video
from services.worker.videos_pictures import make_poster, make_storyboard
from services.worker.videos_transcoding import PROBED, TRANSCODED, transcode_video
from shared.db.sql import video_work
from shared.events.catalogue import VideoProcessed, VideoResubmitted, VideoUploaded
from shared.events.record import record
from shared.jobs.batch import batch
from shared.jobs.chain import ChainMessage, chain
from shared.jobs.job import job
from shared.jobs.outcomes import Fail
from shared.jobs.running import Running


def process_video(event: VideoUploaded | VideoResubmitted) -> list[ChainMessage]:
    """Listener: make one generation of a video."""
    one = (event.video.id, event.video.generation)
    parts = (make_poster.message(*one), make_storyboard.message(*one), transcode_video.message(*one))
    return [chain(probe_video, batch(*parts, name="parts of a video"), publish_video, name="video").message(*one)]


@job(queue="media", tries=3, backoff=BACKOFF, timeout=120, failed=given_up)
def probe_video(job: Running, video_id: UUID, generation: int) -> None:
    """Look at what was uploaded: refuse it for good, or plan what is made of it."""
    with job.transaction() as tx:
        video = video_work.begin(tx, wanted(tx, video_id, generation), job.claimed.chain_id)
    source = video_files.source_of(video_id)
    if not source.exists():
        raise Fail("what was uploaded is not there any more")
    with judging(job, video_id, generation):
        plan = probe(source)
        tell(job, video, PROBED)
        with job.finishing() as tx:
            wanted(tx, video_id, generation)
            video_work.keep_plan(tx, video_id, plan.to_json())


@job(queue="default", tries=3, backoff=BACKOFF, timeout=TIMEOUT, failed=given_up)
def publish_video(job: Running, video_id: UUID, generation: int) -> None:
    """Check what was made, put it in its place, and only then, in one transaction, say that it can be played."""
    with at_work(job, video_id, generation) as work:
        if not video_files.stream_of(video_id, generation).exists():  # else an earlier attempt died after this
            _put_in_place(work)
        with job.finishing() as tx:
            shown, plan = wanted(tx, video_id, generation), work.plan
            video = video_work.publish(tx, shown, duration=plan.duration, width=plan.width, height=plan.height)
            record(tx, VideoProcessed(video=video))
            tidy_video.dispatch(tx, video_id)


def _put_in_place(work: Work) -> None:
    """Finish the stream, in names of its own for the same files: what was made stays as it was until it is shown."""
    check_room(work.video, work.plan, work.plan.duration)
    video_files.linked(work.made["stream"], work.folder)
    watch = work.watch(Teller(work, TRANSCODED, 99), work.plan.duration)
    finish.finish(work.folder, work.plan, watch)
    with work.job.transaction() as tx:  # nobody has cancelled it, and nobody else has taken over
        wanted(tx, work.video.id, work.video.generation)
    video_files.place_stream(work.folder, work.video.id, work.video.generation)
