"""Ids are UUIDv7: made anywhere, sorted by time, kind to indexes; those of one process in the order they were made."""

import os
import time
from threading import Lock
from uuid import UUID

STEP = 245  # nanoseconds: one of the 4096 parts of a millisecond that an id can tell apart

_lock = Lock()
_last = 0


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, method 3): 48 bits of milliseconds, 12 of their fraction, then random bits."""
    global _last  # noqa: PLW0603 - the moment of the last id
    with _lock:
        _last = moment = max(time.time_ns(), _last + STEP)
    milliseconds, rest = divmod(moment, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | random)
