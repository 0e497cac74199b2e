"""How work on a video ends other than well: it failed, its file is at fault, its owner cancelled or deleted it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog

from services.worker import video_leftovers
from services.worker.video_leftovers import Write
from shared.db.sql import video_work, videos
from shared.db.transaction import Transaction
from shared.domain.videos import FAILED, SENTENCES, Refusal, VideoStatus
from shared.events.catalogue import VideoCancelled, VideoDeleted, VideoFailed, VideoRejected
from shared.events.record import record
from shared.events.snapshots import VideoSnapshot
from shared.jobs import operations
from shared.jobs.job import Message, job
from shared.jobs.running import Running

log = structlog.get_logger()

#: The jobs that make a generation of a video; of each the first two arguments are the video and the generation.
MAKING = [
    "probe_video",
    "make_poster",
    "make_storyboard",
    "transcode_video",
    "transcode_chunk",
    "transcode_audio",
    "join_video",
    "publish_video",
]
STOPPING = 1.0  # seconds that a worker may need to end what was cancelled
BACKOFF = (1, 5, 30)


@job(queue="default", tries=5, backoff=BACKOFF, timeout=10)
def fail_video(tx: Transaction, video_id: UUID, generation: int, error: str) -> None:
    """Say, once, that a video could not be made, whichever of its jobs it was; the others of them need not go on."""
    video = _current(tx, video_id, generation)
    if video is None:
        return
    code, sentence = FAILED
    if failed := videos.move(tx, video, VideoStatus.FAILED, code=code, reason=sentence):
        log.error("a video failed", video=str(video_id), generation=generation, error=error)
        record(tx, VideoFailed(video=failed))
        stop_processing.dispatch(tx, video_id, generation)


def reject(tx: Transaction, video: VideoSnapshot, refusal: Refusal) -> None:
    """Say that a locked video's file will never be a video here."""
    said = {"code": refusal.value, "reason": SENTENCES[refusal]}
    if rejected := videos.move(tx, video, VideoStatus.REJECTED, **said):
        log.info("a video is rejected", video=str(video.id), refusal=refusal.value)
        record(tx, VideoRejected(video=rejected))
        stop_processing.dispatch(tx, video.id, video.generation)


@job(queue="default", tries=None, backoff=BACKOFF, timeout=60)
def stop_processing(job: Running, video_id: UUID, generation: int) -> None:
    """Stop all that still works on a generation, also what runs; then nothing of it is left on the disk."""
    _stop(job, video_id, [generation])
    _tidy(job, video_id)


@job(queue="default", tries=None, backoff=BACKOFF, timeout=300)
def remove_video_files(job: Running, video_id: UUID, generation: int) -> None:
    """Stop all that works on a video that was deleted, and remove what was uploaded and what was made."""
    _stop(job, video_id, range(generation + 1))
    _tidy(job, video_id)


@job(queue="default", tries=None, backoff=BACKOFF, timeout=300)
def tidy_video(job: Running, video_id: UUID) -> None:
    """Remove what was left over when a video was made."""
    _tidy(job, video_id)


def _stop(job: Running, video_id: UUID, generations: "range | list[int]") -> None:
    """Cancel open jobs; come back for what those leave that were running."""
    with job.transaction() as tx:
        found = [each for one in generations for each in video_work.open_jobs(tx, video_id, one, MAKING)]
        operations.cancel(tx, [each.id for each in found], "nobody waits for it any more")
    if any(each.state == "running" for each in found):
        job.release(STOPPING, "its jobs are being stopped")


def _tidy(job: Running, video_id: UUID) -> None:
    for left in video_leftovers.of_videos(writing(job), [video_id]):
        left.remove()


def writing(job: Running) -> Write:
    """Return how a job does something in a transaction of its own."""

    def write(change: Callable[[Transaction], Any]) -> Any:
        with job.transaction() as tx:
            return change(tx)

    return write


def _current(tx: Transaction, video_id: UUID, generation: int) -> VideoSnapshot | None:
    try:
        video = videos.lock(tx, video_id)
    except videos.VideoNotFound:
        return None
    return video if videos.is_current(video, generation) else None


# For the listener table, services/worker/listeners.py.


def stop_video(event: VideoCancelled) -> list[Message]:
    return [stop_processing.message(event.video.id, event.video.generation)]


def remove_video(event: VideoDeleted) -> list[Message]:
    return [remove_video_files.message(event.video.id, event.video.generation)]
