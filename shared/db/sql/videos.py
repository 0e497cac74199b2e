"""Videos in SQL: lock one, move it, and know what it is allowed to become."""

from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.domain.videos import UNDER_WAY, VideoStatus, check_move, processed_url
from shared.events.snapshots import VideoSnapshot

_WHOLE = """
select id, user_id, filename, status, code, reason, size, generation, published, duration_ms, width, height, version,
       created_at
from videos where id = %s and deleted_at is null
"""
READ = _WHOLE
LOCK = f"{_WHOLE} for no key update"

MOVE = """
update videos set status = %(to)s, code = %(code)s, reason = %(reason)s, generation = %(generation)s,
                  version = version + 1, updated_at = clock_timestamp(),
                  percent = case %(to)s when 'uploaded' then 0 when 'completed' then 100 else percent end
where id = %(id)s
"""

DELETE = """
update videos set deleted_at = clock_timestamp(), version = version + 1, updated_at = clock_timestamp() where id = %s
"""

HAS_SOURCE = "select 1 from videos where id = %s and source_deleted_at is null"


class VideoNotFound(LookupError):
    """There is no such video, or it was deleted."""


def lock(tx: Transaction, video_id: UUID) -> VideoSnapshot:
    """Return the video, locked until the transaction ends: every job of a video starts here."""
    return snapshot(tx.one(LOCK, (video_id,)), video_id)


def read(tx: Transaction, video_id: UUID) -> VideoSnapshot:
    return snapshot(tx.one(READ, (video_id,)), video_id)


def move(
    tx: Transaction, video: VideoSnapshot, to: VideoStatus, *, code: str | None = None, reason: str | None = None
) -> VideoSnapshot | None:
    """Move a locked video and return it as it now is, or None if it had moved already; raise IllegalMove.

    To `uploaded` begins a new generation.
    code, reason: why it was rejected or failed; a move without them forgets those of before.
    """
    if not check_move(video.status, to):
        return None
    generation = video.generation + (to is VideoStatus.UPLOADED)
    said = {"code": code, "reason": reason, "generation": generation}
    tx.execute(MOVE, {"to": to.value, "id": video.id, **said})
    return video.model_copy(update={"status": to, "version": video.version + 1, **said})


def delete(tx: Transaction, video: VideoSnapshot) -> VideoSnapshot:
    """Take a locked video out of sight; its files are for a job to remove."""
    tx.execute(DELETE, (video.id,))
    return video.model_copy(update={"version": video.version + 1})


def has_source(tx: Transaction, video_id: UUID) -> bool:
    """Say whether what was uploaded is still kept."""
    return tx.one(HAS_SOURCE, (video_id,)) is not None


def is_current(video: VideoSnapshot, generation: int) -> bool:
    """Say whether the work of that generation is still wanted."""
    return video.generation == generation and video.status in UNDER_WAY


def snapshot(row: Any, video_id: UUID) -> VideoSnapshot:
    """Return the video of a row of `LOCK` or `READ`; raise VideoNotFound for none."""
    if row is None:
        raise VideoNotFound(str(video_id))
    known = row._asdict()
    published, duration = known.pop("published"), known.pop("duration_ms")
    return VideoSnapshot(
        **known,
        duration=None if duration is None else duration / 1000,
        processed_url=None if published is None else processed_url(video_id),
    )
