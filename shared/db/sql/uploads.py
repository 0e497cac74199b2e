"""Uploads in SQL: a place for one, how long it is kept, and the moment when it is whole.

An upload is a video that is `uploading`. How much of it is there, only its file knows (`shared/uploads.py`).
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.sql import videos
from shared.db.transaction import Transaction
from shared.domain.videos import VideoStatus
from shared.events.catalogue import VideoUploaded
from shared.events.record import record
from shared.events.snapshots import VideoSnapshot

_UNTIL = "clock_timestamp() + make_interval(secs => %(seconds)s)"

LOCK_USER = "select 1 from users where id = %s for no key update"

#: One that has expired holds no place any more, though its file may still be there.
TAKEN = """
select coalesce(sum(size), 0)::bigint as bytes, count(*) filter (where status = 'uploading') as unfinished
from videos
where user_id = %s and deleted_at is null and (status <> 'uploading' or expires_at > clock_timestamp())
"""

CREATE = f"""
insert into videos (id, user_id, filename, size, upload_metadata, expires_at)
values (%(id)s, %(user)s, %(filename)s, %(size)s, %(metadata)s, {_UNTIL})
returning expires_at
"""

FIND = """
select id, size, status, upload_metadata, expires_at, expires_at <= clock_timestamp() as expired
from videos where id = %s and user_id = %s and deleted_at is null
"""

KEEP = f"""
update videos set expires_at = {_UNTIL}, updated_at = clock_timestamp()
where id = %(id)s and status = 'uploading' and deleted_at is null
returning expires_at
"""

WHOLE = "update videos set uploaded_at = clock_timestamp(), expires_at = null where id = %s"

FORGET = "delete from videos where id = %s and status = 'uploading' and deleted_at is null returning id"
FORGET_EXPIRED = """
delete from videos where id = %s and status = 'uploading' and expires_at <= clock_timestamp() returning id
"""

UNFINISHED = """
select id, size, expires_at <= clock_timestamp() as expired from videos
where status = 'uploading' and deleted_at is null
  and (expires_at <= clock_timestamp() or updated_at < clock_timestamp() - make_interval(secs => %s))
order by expires_at limit %s
"""


class Taken(NamedTuple):
    bytes: int
    unfinished: int


class Unfinished(NamedTuple):
    id: UUID
    size: int
    expired: bool


def taken(tx: Transaction, user_id: UUID) -> Taken:
    """Return what a user's videos take; until the transaction ends nobody else can add to it."""
    tx.execute(LOCK_USER, (user_id,))
    return Taken(*tx.one(TAKEN, (user_id,)))


def create(  # noqa: PLR0913 - what a row is made of
    tx: Transaction, video_id: UUID, user_id: UUID, *, filename: str, size: int, metadata: str, seconds: float
) -> datetime:
    """Make an upload that is given up after so many seconds; return when that is."""
    said = {"id": video_id, "user": user_id, "filename": filename, "size": size}
    expires_at: datetime = tx.one(CREATE, {**said, "metadata": metadata, "seconds": seconds}).expires_at
    return expires_at


def find(tx: Transaction, video_id: UUID, user_id: UUID) -> Any:
    """Return a user's upload, whole or not, or None."""
    return tx.one(FIND, (video_id, user_id))


def keep(tx: Transaction, video_id: UUID, seconds: float) -> datetime | None:
    """Keep it for so many seconds from now; return until when, or None if it is no upload any more."""
    kept = tx.one(KEEP, {"id": video_id, "seconds": seconds})
    return kept.expires_at if kept else None


def complete(tx: Transaction, video_id: UUID) -> VideoSnapshot:
    """Hand over a video whose file is whole and on the disk. Once: whoever comes later changes nothing."""
    video = videos.lock(tx, video_id)
    if video.status is not VideoStatus.UPLOADING or not (
        moved := videos.move(tx, video, VideoStatus.UPLOADED)
    ):  # `uploaded` may also come after `completed`: that is processing it again
        return video
    tx.execute(WHOLE, (video_id,))
    record(tx, VideoUploaded(video=moved))
    return moved


def forget(tx: Transaction, video_id: UUID) -> bool:
    """Forget an upload that is not whole; its file is for the caller to remove, after the commit."""
    return tx.one(FORGET, (video_id,)) is not None


def forget_expired(tx: Transaction, video_id: UUID) -> bool:
    """As `forget`, if nobody has gone on with it meanwhile."""
    return tx.one(FORGET_EXPIRED, (video_id,)) is not None


def unfinished(tx: Transaction, seconds: float, limit: int) -> list[Unfinished]:
    """Return uploads that have expired, and those of which nothing was heard for so long.

    One whose file is whole lost its API between its last byte and the commit: `complete` it. Of the others those that
    have expired are to be forgotten.
    """
    return [Unfinished(*row) for row in tx.all(UNFINISHED, (seconds, limit))]
