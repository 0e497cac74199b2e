"""The folder of files, which jobs write and the API serves: a file is there whole, or not at all."""

import os
from pathlib import Path

from shared.config import settings

PART = ".part"


def write(path: str, content: bytes, job: str, attempt: int) -> None:
    """Put a file there, or put it in the place of the one that is there.

    path: under the folder of files; made by us, never by a customer.
    job, attempt: who writes; what an earlier attempt of the same job left when it was killed is removed.
    """
    whole = _place_of(path)
    whole.parent.mkdir(parents=True, exist_ok=True)
    for left in whole.parent.glob(f".{whole.name}.{job}.*{PART}"):
        left.unlink(missing_ok=True)
    part = whole.with_name(f".{whole.name}.{job}.{attempt}{PART}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # the name must not be on the disk before what it names
    part.replace(whole)


def read(path: str) -> bytes | None:
    """Return what a file holds, or None if there is none."""
    try:
        return _place_of(path).read_bytes()
    except FileNotFoundError:
        return None


def _place_of(path: str) -> Path:
    return settings().files / path
