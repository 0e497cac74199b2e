"""Uploads in the database: who may begin one, find it, keep it, finish it or give it up. Each is one transaction."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.api.caller import CallerOf
from services.api.database import Database, again
from services.api.problems import Problem
from shared import uploads as files
from shared.config import settings
from shared.db.sql import uploads
from shared.db.sql.videos import VideoNotFound
from shared.events.snapshots import VideoSnapshot
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class Upload:
    id: UUID
    size: int
    expires_at: datetime
    seconds: float  # how long it is kept when nobody goes on with it
    metadata: str = ""
    whole: bool = False


def kept_seconds() -> float:
    return settings().upload_hours * 3600


@again
def begin(caller: CallerOf, filename: str, size: int, seconds: float, metadata: str = "") -> Upload:
    """Make an upload, if its owner has room for it. Of two at once the second counts the first."""
    _check_size(size)
    with caller.transaction() as tx:
        _check_quota(size, uploads.taken(tx, caller.user_id))
        video_id, user_id = new_id(), caller.user_id
        expires_at = uploads.create(
            tx, video_id, user_id, filename=filename, size=size, metadata=metadata, seconds=seconds
        )
    return Upload(video_id, size, expires_at, seconds, metadata)


def _check_size(size: int) -> None:
    here = settings()
    if size > here.upload_bytes:
        raise Problem(413, "too_large", f"At most {here.upload_bytes} bytes.")
    here.files.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(here.files).free - size < here.disk_reserve_bytes:
        raise disk_full()


def _check_quota(size: int, taken: uploads.Taken) -> None:
    here = settings()
    if taken.unfinished >= here.uploads_at_once:
        raise Problem(429, "too_many_uploads", f"You have {taken.unfinished} uploads that are not finished.")
    if taken.bytes + size > here.videos_bytes:
        left = max(0, here.videos_bytes - taken.bytes)
        raise Problem(403, "quota_exceeded", f"Your videos may take {left} bytes more; delete one to make room.")


def disk_full() -> Problem:
    return Problem(507, "disk_full", "There is no room for this right now.", headers={"Retry-After": "600"})


def gone() -> Problem:
    return Problem(404, "not_found", "There is no such upload.")


@again
def find(caller: CallerOf, video_id: UUID) -> Upload:
    """Return the caller's upload; another's is none."""
    with caller.transaction() as tx:
        found = uploads.find(tx, video_id, caller.user_id)
    if found is None:
        raise gone()
    whole = found.status != "uploading"
    if found.expired and not whole and files.received(video_id) < found.size:
        raise Problem(410, "expired", "This upload was given up; begin it anew.")
    return Upload(video_id, found.size, found.expires_at, kept_seconds(), found.upload_metadata, whole)


@again
def keep(database: Database, upload: Upload) -> datetime:
    """Keep it for another while, from now on; return until when."""
    with database.transaction() as tx:
        expires_at = uploads.keep(tx, upload.id, upload.seconds)
    if expires_at is None:
        raise gone()
    return expires_at


@again
def finish(database: Database, video_id: UUID) -> VideoSnapshot:
    """Hand over a file that is whole and on the disk."""
    try:
        with database.transaction() as tx:
            return uploads.complete(tx, video_id)
    except VideoNotFound as error:
        raise gone() from error


@again
def give_up(database: Database, video_id: UUID) -> bool:
    """Forget an upload and its file; False if there is none, or if it is whole."""
    with database.transaction() as tx:
        forgotten = uploads.forget(tx, video_id)
    if forgotten:
        files.remove(video_id)
    return forgotten
