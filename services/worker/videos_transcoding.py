"""A video in all its sizes: in one run, or of a long one in chunks by many workers, joined without encoding again."""

from fractions import Fraction
from math import ceil
from uuid import UUID

from services.worker.ffmpeg import join, transcode
from services.worker.ffmpeg.plan import Plan
from services.worker.video_work import (
    BACKOFF,
    TIMEOUT,
    ChunkTeller,
    Teller,
    Work,
    at_work,
    check_room,
    given_up,
    wanted,
)
from shared.config import settings
from shared.db.transaction import Transaction
from shared.jobs import workers_sql
from shared.jobs.batch import add_members, batch
from shared.jobs.chain import ChainMessage, chain
from shared.jobs.job import job
from shared.jobs.outcomes import Fail
from shared.jobs.running import Running

QUEUE = "processing"
#: Seconds of 1080p, 30 pictures a second: what is more might not be made within a job's time, nor is a kill cheap then.
LONGEST_ALONE = 1800.0
POINTS = 1920 * 1080 * 30  # a second
PROBED, CHUNKED, TRANSCODED = 5, 92, 95  # percent of the whole that is done by then
AUDIO = "audio"
AFTER_OTHERS = 1  # priority: who has a minute of film does not wait for somebody's four hours


@job(queue=QUEUE, tries=3, backoff=BACKOFF, timeout=TIMEOUT, failed=given_up)
def transcode_video(job: Running, video_id: UUID, generation: int) -> None:
    """Make all sizes and the sound in one run; of a long video let others make it in chunks."""
    with at_work(job, video_id, generation) as work:
        check_room(work.video, work.plan, work.plan.duration)
        with job.transaction() as tx:
            longer = _pieces(tx, work)
        if longer is not None and job.batch_id is not None:
            with job.finishing() as tx:
                wanted(tx, video_id, generation)
                add_members(tx, job.batch_id, longer)
            return
        watch = work.watch(Teller(work, PROBED, TRANSCODED), work.plan.duration)
        transcode.transcode(work.source, work.plan, work.folder, watch)
        with job.finishing() as tx:
            work.keep(tx, "stream")


def _pieces(tx: Transaction, work: Work) -> ChainMessage | None:
    """Return the jobs that make a long video together, or None where one makes it alone."""
    seconds = chunk_seconds(work.plan, _workers(tx))
    if seconds is None:
        return None
    one = (work.video.id, work.video.generation)
    chunks = work.plan.chunks(seconds)
    parts = [transcode_chunk.message(*one, chunk.number, seconds, priority=AFTER_OTHERS) for chunk in chunks]
    if work.plan.audio_index is not None:
        parts.append(transcode_audio.message(*one))
    return chain(batch(*parts, name="chunks of a video"), join_video.message(*one), name="video in chunks").message()


def chunk_seconds(plan: Plan, workers: int) -> float | None:
    """Return about how long a chunk is: so many that no worker is idle while another makes the last one."""
    most = settings().video_chunk_seconds
    weight = max(1.0, float(plan.width * plan.height * Fraction(plan.source_rate) / POINTS))
    if plan.video_duration <= most or (workers < 2 and plan.video_duration * weight <= LONGEST_ALONE):
        return None
    several = max(workers, 1)
    count = ceil(plan.video_duration / most / several) * several
    seconds = plan.video_duration / count
    return seconds if len(plan.chunks(seconds)) > 1 else None


def _workers(tx: Transaction) -> int:
    """Return how many threads of live workers make videos."""
    return sum(row.threads for row in tx.all(workers_sql.THREADS) if row.queue == QUEUE)


@job(queue=QUEUE, tries=3, backoff=BACKOFF, timeout=TIMEOUT, failed=given_up)
def transcode_chunk(job: Running, video_id: UUID, generation: int, number: int, seconds: float) -> None:
    """Make the pictures of one chunk, in all sizes."""
    with at_work(job, video_id, generation) as work:
        chunk = work.plan.chunks(seconds)[number]
        length = work.plan.video_duration / chunk.of
        check_room(work.video, work.plan, length)
        watch = work.watch(ChunkTeller(work, PROBED, CHUNKED), length)
        transcode.transcode_chunk(work.source, work.plan, chunk, work.folder, watch)
        with job.finishing() as tx:
            work.keep(tx, f"chunk-{number}")


@job(queue=QUEUE, tries=3, backoff=BACKOFF, timeout=TIMEOUT, failed=given_up)
def transcode_audio(job: Running, video_id: UUID, generation: int) -> None:
    """Make the sound of the whole: cut into chunks, one would hear it."""
    with at_work(job, video_id, generation) as work:
        check_room(work.video, work.plan, 0)
        watch = work.watch(lambda share: job.progress(int(100 * share)), work.plan.duration)
        transcode.transcode_audio(work.source, work.plan, work.folder, watch)
        with job.finishing() as tx:
            work.keep(tx, AUDIO)


@job(queue=QUEUE, tries=3, backoff=BACKOFF, timeout=TIMEOUT, failed=given_up)
def join_video(job: Running, video_id: UUID, generation: int) -> None:
    """Put the chunks together to what one job would have made."""
    with at_work(job, video_id, generation) as work:
        parts = [place for part, place in sorted(work.made.items()) if part != "stream"]
        if gone := [part.name for part in parts if not part.is_dir()]:
            raise Fail(f"{len(gone)} finished parts are not there any more")
        check_room(work.video, work.plan, work.plan.duration)
        join.join(parts, work.plan, work.folder, work.watch(Teller(work, CHUNKED, TRANSCODED), work.plan.duration))
        with job.finishing() as tx:
            work.keep(tx, "stream")
