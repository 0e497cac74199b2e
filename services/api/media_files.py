"""The files that a player may ask for: by names that we know, in one folder, never by way of a link."""

import os
import re
import stat
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

from shared.config import settings

PLAYLIST = "application/vnd.apple.mpegurl"
MASTER = "stream/master.m3u8"
KINDS = {
    ".m3u8": PLAYLIST,
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".jpg": "image/jpeg",
    ".vtt": "text/vtt; charset=utf-8",
}
#: Never made anew under the same name, as pictures may be.
FOR_GOOD = frozenset({".mp4", ".m4s"})
KNOWN = re.compile(
    r"poster\.jpg|storyboard\.(?:jpg|vtt)"
    r"|stream/(?:master\.m3u8|video\.mp4|[a-z0-9]{1,16}/(?:index\.m3u8|init\.mp4|[A-Za-z0-9_-]{1,64}\.m4s))"
)
#: `O_NONBLOCK`: should a pipe ever lie there, nobody waits at it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that is open; whoever has it closes it."""

    file: BinaryIO
    size: int
    media_type: str
    etag: str
    modified: str  # as HTTP writes it
    for_good: bool


def is_known(name: str) -> bool:
    return KNOWN.fullmatch(name) is not None


def opened(folder: str, name: str) -> MediaFile | None:
    """Return a file of this folder under the folder of files, or None if there is none.

    name: one that is known; each step is taken by itself, so that no link is followed.
    """
    try:
        found = _walk(settings().files, [*folder.split("/"), *name.split("/")])
    except OSError:
        return None
    about = os.fstat(found)
    if not stat.S_ISREG(about.st_mode):
        os.close(found)
        return None
    ending = Path(name).suffix
    return MediaFile(
        file=os.fdopen(found, "rb", buffering=0),
        size=about.st_size,
        media_type=KINDS[ending],
        etag=f'"{about.st_mtime_ns:x}-{about.st_size:x}"',
        modified=formatdate(about.st_mtime, usegmt=True),
        for_good=ending in FOR_GOOD,
    )


def _walk(start: Path, steps: list[str]) -> int:
    at = os.open(start, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    for number, step in enumerate(steps, 1):
        try:
            following = os.open(step, _FILE if number == len(steps) else _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = following
    return at
