"""Which of the files on the disk no video wants any more; the one rule for tidying up after a job and for the sweep."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from services.worker import video_files
from shared.clock import now
from shared.config import settings
from shared.db.sql import video_sweeping
from shared.db.transaction import Transaction
from shared.domain.videos import UNDER_WAY

#: The folders under the folder of files that hold one thing for each video.
FOLDERS = ("uploads", "work", "media")
SERVED = {"poster.jpg": "poster", "storyboard.jpg": "storyboard", "storyboard.vtt": "storyboard", "stream": "published"}
AT_ONCE = 500  # videos asked for in one question

#: Does something in a transaction of its own, and returns what that gave: nobody waits for the disk with one open.
Write = Callable[[Callable[[Transaction], Any]], Any]


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that nobody wants, and why not."""

    path: Path
    reason: str

    @property
    def video_id(self) -> UUID:
        return UUID(self.path.relative_to(settings().files).parts[1])

    def remove(self) -> int:
        """Remove it, and the folders around it that are empty then; return how many bytes that were."""
        freed = video_files.remove(self.path)
        for folder in self.path.parents:
            if folder.name in FOLDERS or folder == settings().files:
                break
            video_files.remove_if_empty(folder)
        return freed


def of_all(write: Write, *, suspicious: int) -> Iterator[Leftover]:
    """Yield what is left over of all videos. Names that are no video's are left alone: they are not ours.

    suspicious: of how many videos files may be here that the database does not know, if it knows of none of them.
    """
    known = sorted({video for folder in FOLDERS for video in _videos_in(settings().files / folder)})
    if len(known) > suspicious and not write(partial(video_sweeping.rows, video_ids=known)):
        raise LookupError(f"the database knows none of {len(known)} videos that have files here: is it the right one?")
    for start in range(0, len(known), AT_ONCE):
        yield from of_videos(write, known[start : start + AT_ONCE])


def of_videos(write: Write, video_ids: Iterable[UUID]) -> list[Leftover]:
    """Return what is left over of these; looked for first on the disk, then in the database.

    So a file that is made meanwhile is not seen, while the row that wants it always is.
    """
    things = {video: list(_things_of(video)) for video in video_ids}
    rows = {row.id: row for row in write(partial(video_sweeping.rows, video_ids=list(things)))}
    return [
        Leftover(path, reason)
        for video, paths in things.items()
        for path in paths
        if (reason := _unwanted(path, rows.get(video)))
    ]


def _videos_in(folder: Path) -> Iterator[UUID]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if video := _id(path.name):
            yield video


def _id(name: str) -> UUID | None:
    try:
        video = UUID(name)
    except ValueError:
        return None
    return video if str(video) == name else None


def _things_of(video_id: UUID) -> Iterator[Path]:
    """Yield what there is to decide about: the upload, each generation's work, and what it shows."""
    files, name = settings().files, str(video_id)
    yield from (path for path in (files / "uploads" / name,) if path.exists())
    yield from (files / "work" / name).glob("*")
    for generation in (files / "media" / name).glob("*"):
        yield from [*generation.iterdir()] or [generation]
    yield from (path for path in (files / "work" / name, files / "media" / name) if _is_empty(path))


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _unwanted(path: Path, video: Any) -> str:
    """Return why a thing is not wanted, or nothing if it is."""
    if video is None:
        return "there is no such video"
    if video.deleted_at is not None:
        return "its video was deleted"
    kind, _, *inner = path.relative_to(settings().files).parts
    if kind == "uploads":
        return "its video was finished long ago" if video.source_deleted_at is not None else ""
    if not inner:
        return "nothing is in it"
    return _of_generation(kind, int(inner[0]), path, video) if inner[0].isdigit() else ""


def _of_generation(kind: str, generation: int, path: Path, video: Any) -> str:
    """Judge what a generation made. One that is newer than what we read of the row is not ours to judge."""
    if generation > video.generation or (generation == video.generation and video.status in UNDER_WAY):
        return ""
    if kind == "work":
        return "nobody works on it any more"
    shown = getattr(video, SERVED.get(path.name, ""), None)
    if shown == generation or ((path.parent / "stream").exists() and _may_be_played(video)):
        return ""
    return "another generation is shown" if shown is not None else "it was never shown"


def _may_be_played(video: Any) -> bool:
    """Say whether somebody may still be playing the generation before, at an address that is still good."""
    grace = timedelta(hours=settings().playback_hours)
    return video.published is not None and video.completed_at + grace > now()
