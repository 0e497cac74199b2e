"""The file of an upload: how long it is, is how far the upload has come; and it has one writer, in whatever process.

The lock is the kernel's (`flock`): it ends with the process that holds it, however that ends.
"""

import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from shared.config import settings
from shared.domain.videos import source_path

#: Whoever waits for the lock sets the file's time of access to this, again and again. It is a sign that reaches a
#: writer in another process, leaves nothing behind, and that no other use of the file gives by mistake.
WANTED = 0


def place_of(video_id: UUID) -> Path:
    return settings().files / source_path(video_id)


def received(video_id: UUID) -> int:
    """Return how many bytes are there."""
    try:
        return place_of(video_id).stat().st_size
    except FileNotFoundError:
        return 0


def at_rest(video_id: UUID) -> bool:
    """Say whether nobody writes the file just now; whoever does is not disturbed."""
    with place_of(video_id).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def remove(video_id: UUID) -> None:
    """Remove the file; who writes it notices."""
    place_of(video_id).unlink(missing_ok=True)


class UploadFile:
    """`with UploadFile(video_id) as file:`; the file is made if it is not there. Any thread may use it."""

    def __init__(self, video_id: UUID) -> None:
        path = place_of(video_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._open = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:  # a write that is under way must not end up in the next file of this number
            os.close(self._file)
            self._file = -1

    def claim(self) -> bool:
        """Become its writer, or leave a sign that somebody waits."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.utime(self._file, ns=(WANTED, os.fstat(self._file).st_mtime_ns))
            return False
        os.utime(self._file)
        return True

    def wanted(self) -> bool:
        """Say whether somebody has asked for it since this was last asked; whoever still waits goes on asking."""
        if os.fstat(self._file).st_atime_ns != WANTED:
            return False
        os.utime(self._file)
        return True

    def removed(self) -> bool:
        return os.fstat(self._file).st_nlink == 0

    def size(self) -> int:
        return os.fstat(self._file).st_size

    def room(self) -> int:
        """Return how much of the disk is free, in bytes."""
        disk = os.fstatvfs(self._file)
        return disk.f_bavail * disk.f_frsize

    def write(self, parts: Sequence[bytes], at: int) -> None:
        """Write these one after another; together they are as the kernel takes them: at most 1,024."""
        with self._open:
            done = os.pwritev(self._file, parts, at)
            if done < sum(map(len, parts)):  # a disk that is nearly full takes some of it, and then says so
                left = memoryview(b"".join(parts))
                while done < len(left):
                    done += os.pwrite(self._file, left[done:], at + done)

    def cut(self, size: int) -> None:
        """Forget all that came after so many bytes."""
        with self._open:
            os.ftruncate(self._file, size)

    def flush(self) -> None:
        """Return when what was written is on the disk."""
        with self._open:
            os.fdatasync(self._file)

    def sync(self) -> None:
        """Return when it is on the disk, its name too."""
        with self._open:
            os.fsync(self._file)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
