"""Where jobs make a video's files and put them in their place: whole, or not at all. All is under one folder.

Every attempt of a job works in a folder of its own. What an attempt leaves when it is killed is removed by the next
one; what nobody comes back for, by a job that tidies, or by the sweep.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from shared.config import settings
from shared.domain.videos import media_path, source_path, work_path

AGAIN_AT_MOST = 20  # a program that was just killed may still be writing into a folder that is removed


def source_of(video_id: UUID) -> Path:
    return settings().files / source_path(video_id)


def work_of(video_id: UUID, generation: int) -> Path:
    return settings().files / work_path(video_id, generation)


def media_of(video_id: UUID, generation: int) -> Path:
    return settings().files / media_path(video_id, generation)


def fresh(video_id: UUID, generation: int, job: UUID, attempt: int) -> Path:
    """Return an empty folder for an attempt; those of earlier attempts of the job go.

    Not those of later ones: whoever was frozen, and wakes, is not to take from its successor what that has made.
    """
    folder = work_of(video_id, generation) / str(job) / str(attempt)
    for earlier in folder.parent.glob("*"):
        if int(earlier.name) <= attempt:
            remove(earlier)
    folder.mkdir(parents=True)
    return folder


def discard(folder: Path) -> None:
    """Remove an attempt's folder, and no other's."""
    remove(folder)
    remove_if_empty(folder.parent)


def linked(made: Path, folder: Path) -> None:
    """Let what was made also lie in a folder that is empty: what is changed there does not change what was made."""
    shutil.copytree(made, folder, copy_function=os.link, dirs_exist_ok=True)


def place(made: Path, folder: Path) -> None:
    """Put a finished file in its place, under its name, on the disk before its name is."""
    folder.mkdir(parents=True, exist_ok=True)
    sync(made)
    made.replace(folder / made.name)
    sync(folder)


def place_stream(made: Path, video_id: UUID, generation: int) -> None:
    """Put a finished folder in the place from which it is played."""
    stream = stream_of(video_id, generation)
    stream.parent.mkdir(parents=True, exist_ok=True)
    made.rename(stream)
    sync(stream.parent)


def stream_of(video_id: UUID, generation: int) -> Path:
    return media_of(video_id, generation) / "stream"


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove(path: Path) -> int:
    """Remove a file or a folder with all that is in it, if it is there; return how many bytes that were."""
    size = size_of(path)
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink() if path.is_symlink() or not path.is_dir() else _remove_folder(path)
    return size


def _remove_folder(folder: Path) -> None:
    for _ in range(AGAIN_AT_MOST):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    shutil.rmtree(folder)


def remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def size_of(path: Path) -> int:
    """Return how many bytes a file, or all in a folder, take; whatever vanishes meanwhile takes none."""
    return sum(size for _, size in _files(path))


def youngest(path: Path) -> float:
    """Return when anything of it was last changed, as seconds since 1970; 0 if there is nothing."""
    return max((changed for changed, _ in _files(path)), default=0.0)


def _files(path: Path) -> Iterator[tuple[float, int]]:
    for each in [path, *path.rglob("*")]:
        with suppress(FileNotFoundError):
            about = each.lstat()
            yield about.st_mtime, 0 if each.is_dir() else about.st_size


def room() -> int:
    """Return how many bytes of the disk are free."""
    return shutil.disk_usage(settings().files).free
