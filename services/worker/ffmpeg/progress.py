"""How far FFmpeg is, out of its `-progress` lines: from 0 to 1, and never back."""

import time
from collections.abc import Callable

#: The words that make FFmpeg tell it.
TELL = ("-progress", "pipe:1", "-nostats", "-stats_period", "0.5")
LONGEST_LINE = 4096


class Progress:
    """`moved` is when it last got further: by time, by pictures or by bytes."""

    def __init__(self, seconds: float, told: Callable[[float], None]) -> None:
        self.moved = time.monotonic()
        self._microseconds = max(seconds, 0.001) * 1_000_000
        self._told = told
        self._share = 0.0
        self._furthest: dict[str, int] = {}
        self._rest = b""

    def hear(self, heard: bytes) -> None:
        *lines, self._rest = (self._rest + heard).split(b"\n")
        self._rest = self._rest[-LONGEST_LINE:]
        for line in lines:
            name, _, value = line.decode("ascii", "replace").partition("=")
            if name in ("out_time_us", "frame", "total_size"):
                self._further(name, value.strip())
            elif name == "progress":
                self._told(self._share)

    def finished(self) -> None:
        self._told(1.0)

    def _further(self, name: str, value: str) -> None:
        """Note a number that has grown; the first blocks say N/A, and some builds say nonsense at the end."""
        if not value.isdigit() or int(value) <= self._furthest.get(name, 0):
            return
        self._furthest[name] = int(value)
        self.moved = time.monotonic()
        if name == "out_time_us":
            self._share = min(1.0, int(value) / self._microseconds)
