"""Videos by the clock: uploads that have had their time, what stands still, and what is left on the disk.

Each look yields findings, which say what is to be done; `python -m services.worker videos sweep --dry-run` only shows
them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog

from services.worker import video_files, video_leftovers
from services.worker.video_leftovers import Leftover, Write
from services.worker.videos_ending import MAKING, fail_video, writing
from shared import uploads as files
from shared.config import settings
from shared.db.sql import uploads, video_sweeping
from shared.db.transaction import Transaction
from shared.jobs.job import job
from shared.jobs.running import Running

log = structlog.get_logger()

SILENT = 60.0  # seconds: of an upload nothing was heard for so long
YOUNGEST = 3600.0  # seconds: what was changed since may belong to somebody who is at work
AT_ONCE = 500
SUSPICIOUS = 50  # videos with files, and none of them known: this is another database than theirs


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be done with a video, and why.

    change: what is written; returns whether it is still to be done. After its commit the leftover is removed.
    """

    what: str
    video_id: UUID
    reason: str
    change: Callable[[Transaction], object] = lambda _: True
    leftover: Leftover | None = None

    @property
    def bytes(self) -> int:
        """Return what it would free."""
        return video_files.size_of(self.leftover.path) if self.leftover else 0

    def settle(self, write: Write) -> bool:
        """Do it, in a transaction of its own; return whether there was anything left to do."""
        if not write(self.change):
            return False
        if self.leftover is not None:
            self.leftover.remove()
        return True


def ended_uploads(write: Write) -> Iterator[Finding]:
    """Yield uploads that are whole though their API died before it could say so, and those that have expired."""
    for upload in write(partial(uploads.unfinished, seconds=SILENT, limit=AT_ONCE)):
        source = video_files.source_of(upload.id)
        if source.exists() and video_files.size_of(source) == upload.size:
            if not files.at_rest(upload.id):
                continue  # its API lives: it may yet find that the last chunk is not what was sent
            video_files.sync(source)  # nobody has, as far as we know
            complete = partial(uploads.complete, video_id=upload.id)
            yield Finding("hand over upload", upload.id, "it is whole", complete)
        elif upload.expired:
            forget = partial(uploads.forget_expired, video_id=upload.id)
            yield Finding("forget upload", upload.id, "nobody went on with it", forget, Leftover(source, "expired"))


def old_sources(write: Write) -> Iterator[Finding]:
    """Yield uploads that were kept for as long as was promised after their video was finished."""
    kept = settings().keep_sources_days * 86400
    for video in write(partial(video_sweeping.old_sources, seconds=kept, limit=AT_ONCE)):
        drop = partial(video_sweeping.drop_source, video_id=video.id)
        reason = f"its video was {video.status} on {video.since:%Y-%m-%d}"
        yield Finding("remove upload", video.id, reason, drop, Leftover(video_files.source_of(video.id), reason))


def stalled(write: Write) -> Iterator[Finding]:
    """Yield videos that are under way although nobody works on them: by hand, or by a fault of ours."""
    patience, names = settings().alert_stalled_seconds, [*MAKING, fail_video.name]
    for video in write(partial(video_sweeping.stalled, names=names, patience=patience, limit=AT_ONCE)):
        reason = f"nobody works on it since {video.updated_at:%H:%M:%S}"
        fail = partial(_fail, video_id=video.id, generation=video.generation, reason=reason)
        yield Finding("fail video", video.id, reason, fail)


def _fail(tx: Transaction, video_id: UUID, generation: int, reason: str) -> bool:
    fail_video.dispatch(tx, video_id, generation, reason)
    return True


def leftovers(write: Write, older_than: float = YOUNGEST) -> Iterator[Finding]:
    """Yield files and folders that no video wants, and that nobody has touched for so many seconds."""
    for left in video_leftovers.of_all(write, suspicious=SUSPICIOUS):
        if video_files.youngest(left.path) < time.time() - older_than:
            yield Finding("remove files", left.video_id, left.reason, leftover=left)


@job(queue="default", tries=3, backoff=(60,), timeout=300, unique=lambda: "once")
def tidy_uploads(job: Running) -> None:
    """End uploads that nobody else ends."""
    _settle(job, ended_uploads)


@job(queue="default", tries=3, backoff=(60,), timeout=300, unique=lambda: "once")
def mend_stalled_videos(job: Running) -> None:
    """No video is stuck: it fails at least, its owner is told and may have it processed again."""
    _settle(job, stalled)


@job(queue="default", tries=3, backoff=(60,), timeout=900, unique=lambda: "once")
def drop_old_sources(job: Running) -> None:
    """Remove uploads that were kept long enough, and forget videos that were deleted long ago."""
    _settle(job, old_sources)
    more = True
    while more:
        with job.transaction() as tx:
            more = video_sweeping.prune(tx)


@job(queue="default", tries=3, backoff=(60,), timeout=900, unique=lambda: "once")
def sweep_files(job: Running) -> None:
    """Remove what crashes have left on the disk."""
    _settle(job, leftovers)


def _settle(job: Running, look: Callable[[Write], Iterator[Finding]]) -> None:
    write = writing(job)
    for finding in list(look(write)):
        size = finding.bytes
        if finding.settle(write):
            log.info(finding.what, video=str(finding.video_id), reason=finding.reason, bytes=size)
