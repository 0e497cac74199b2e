"""What all jobs of a video share: is it still wanted, a folder to work in, how far it is, and who is at fault."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from services.worker import video_files
from services.worker.ffmpeg.errors import Broken, Failed, Refused, Stopped, Trouble
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.watch import Watch
from services.worker.videos_ending import fail_video, reject
from shared.broadcasting import signals
from shared.broadcasting.signals import VideoProgressed
from shared.config import settings
from shared.db.sql import video_work, videos
from shared.db.sql.stalled import NO_ROOM
from shared.db.transaction import Transaction
from shared.domain.videos import Refusal
from shared.events.snapshots import VideoSnapshot
from shared.jobs.job import Message
from shared.jobs.outcomes import EndChain, Fail, Release
from shared.jobs.running import Running

#: Between the tries; the lecture's.
BACKOFF = settings().video_backoff_seconds
TIMEOUT = 3600.0  # seconds of one attempt; the lecture's
WAITS = 60.0  # seconds until the disk is looked at again
EVERY = 1.0  # seconds from one time that it is told how far a video is to the next
SHORTEST_WALL = 120.0  # seconds; a program may take so many times the video's own length, and at least this
TIMES_THE_LENGTH = 30
SOUND = 128  # kilobits a second
TOO_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
SPARE = 64 * 2**20  # bytes
#: What FFmpeg says of the machine, not of the file.
PASSING = ("No space left", "Disk quota", "Cannot allocate memory", "Resource temporarily", "Too many open files")


@dataclass(frozen=True, slots=True)
class Work:
    """What an attempt works on. `made`: where each part lies that other jobs have finished."""

    job: Running
    video: VideoSnapshot
    plan: Plan
    made: dict[str, Path]
    source: Path
    folder: Path

    def watch(self, progress: Callable[[float], None], seconds: float) -> Watch:
        """Return the eyes under which a program may run that makes so many seconds of the video."""
        wall = min(max(SHORTEST_WALL, seconds * TIMES_THE_LENGTH), TIMEOUT - 60)
        return Watch(progress=progress, wall=wall, disk=2 * bytes_of(self.plan, seconds) + SPARE)

    def keep(self, tx: Transaction, part: str) -> None:
        """Note, in the finishing transaction, that a part is finished and lies in this attempt's folder."""
        wanted(tx, self.video.id, self.video.generation)
        place = self.folder.relative_to(video_files.work_of(self.video.id, self.video.generation))
        video_work.keep_part(tx, self.video.id, part, str(place))


def given_up(video_id: UUID, generation: int, *rest: str) -> Message:
    """Return what tells people that a job of a video failed for good: the `failed=` of all of them."""
    return fail_video.message(video_id, generation, rest[-1])


def wanted(tx: Transaction, video_id: UUID, generation: int) -> VideoSnapshot:
    """Return the video, locked, if this generation of it is still to be made; else end the job and its chain."""
    try:
        video = videos.lock(tx, video_id)
    except videos.VideoNotFound as gone:
        raise EndChain("the video was deleted") from gone
    if not videos.is_current(video, generation):
        raise EndChain(f"too late: the video is {video.status}, at its generation {video.generation}")
    return video


@contextmanager
def at_work(job: Running, video_id: UUID, generation: int) -> Iterator[Work]:
    """Give an attempt an empty folder to work in; the folder goes when the attempt fails.

    When its thread is interrupted, or the database is in trouble, its success may have been committed all the same:
    then the next attempt removes what it left, or `stop_processing`.
    """
    with job.transaction() as tx:
        video = wanted(tx, video_id, generation)
        kept = video_work.plan(tx, video_id)
    folder = video_files.fresh(video_id, generation, job.id, job.attempt)
    around = video_files.work_of(video_id, generation)
    made = {part: around / place for part, place in kept.made.items()}
    try:
        with judging(job, video_id, generation):
            yield Work(job, video, Plan.from_json(kept.plan), made, video_files.source_of(video_id), folder)
    except psycopg.Error:
        raise
    except Exception:
        video_files.discard(folder)
        raise


@contextmanager
def judging(job: Running, video_id: UUID, generation: int) -> Iterator[None]:
    """Reject the video where its file is at fault. All else is for the next try; a limit is hit twice at most."""
    try:
        yield
    except (Refused, Broken, Failed) as error:
        refusal = fault(error)
        if refusal is None and isinstance(error, Stopped) and job.claimed.failures:
            raise Fail(str(error)) from error
        if refusal is None:
            raise
        with job.finishing() as tx:
            reject(tx, wanted(tx, video_id, generation), refusal)
            job.end_chain(f"{refusal}: {storable(error)}")


def fault(error: Exception) -> Refusal | None:
    """Return why a file will never be a video here, or None where trying again may help."""
    if isinstance(error, Refused):
        return error.refusal
    if isinstance(error, Broken):
        cause = error.__cause__
        passes = isinstance(cause, Failed) and _may_pass(cause)
        return None if passes else Refusal.DAMAGED
    if isinstance(error, Failed) and not _may_pass(error) and "Invalid data" in error.tail:
        return Refusal.DAMAGED
    return None


def _may_pass(failed: Failed) -> bool:
    """Say whether a program was killed, or lacked what the machine may have another time."""
    at_a_limit = isinstance(failed, Trouble | Stopped)
    return at_a_limit or failed.code < 0 or any(words in failed.tail for words in PASSING)


def storable(error: Exception) -> str:
    """Return the end of what an error says, as the database can keep it."""
    return str(error).replace("\x00", "")[-500:].encode("utf-8", "backslashreplace").decode()


def check_room(video: VideoSnapshot, plan: Plan, seconds: float) -> None:
    """Put the job back while the disk has no room for what it makes; that burns no try."""
    needed = video.size + bytes_of(plan, seconds) * 6 // 5 + settings().disk_reserve_bytes
    if (free := video_files.room()) < needed:
        raise Release(WAITS, f"{NO_ROOM}: {needed // 2**20} MiB of the disk must be free, and {free // 2**20} are")


def bytes_of(plan: Plan, seconds: float) -> int:
    """Return what so many seconds of all renditions may take."""
    kilobits = sum(rung.kilobits for rung in plan.rungs) + SOUND
    return round(kilobits * 1000 / 8 * seconds)


class Teller:
    """Tells how far a video is, about once a second: to its row, to those who listen, and to the job's own row.

    lowest, highest: what this job's part is of the whole, in percent.
    """

    def __init__(self, work: Work, lowest: float, highest: float) -> None:
        self._job = work.job
        self._video = work.video
        self._lowest = lowest
        self._highest = highest
        self._tells_at = 0.0

    def __call__(self, share: float) -> None:
        if time.monotonic() < self._tells_at:
            return
        self._tells_at = time.monotonic() + EVERY
        with suppress(*TOO_BUSY):  # an hour's work is not given up because nobody could hear how far it is
            self._job.progress(int(100 * share))
            tell(self._job, self._video, self._percent(share))

    def _percent(self, share: float) -> int:
        return int(self._lowest + (self._highest - self._lowest) * share)


class ChunkTeller(Teller):
    """Tells how far all chunks of a video are together."""

    def _percent(self, share: float) -> int:  # noqa: ARG002 - it is in the job's own row by now
        named = {"id": self._video.id, "generation": self._video.generation}
        row = self._job.connection.execute(video_work.CHUNKS, named).fetchone()
        return super()._percent(row.percent / 100 if row else 0.0)


def tell(job: Running, video: VideoSnapshot, percent: int) -> None:
    """Say how far a video is, if that is further than before; outside of transactions."""
    further = {"id": video.id, "generation": video.generation, "percent": percent}
    if job.connection.execute(video_work.FURTHER, further).fetchone() is not None:
        signals.send(VideoProgressed(video_id=video.id, user_id=video.user_id, percent=percent))
