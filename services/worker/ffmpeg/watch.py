"""Under whose eyes a program runs: who hears how far it is, and what it may take."""

import os
from collections.abc import Callable
from dataclasses import dataclass


def nobody(_: float) -> None:
    """Hear how far it is, and tell nobody."""


@dataclass(frozen=True, slots=True)
class Watch:
    """`progress` hears 0 to 1, never less than before, in the job's own thread. At a limit the program is killed."""

    progress: Callable[[float], None] = nobody
    wall: float = 3600.0  # seconds in all
    stall: float = 60.0  # seconds without getting further
    disk: int = 16 * 2**30  # bytes that its folder may take
    threads: int = 0  # of the codecs; 0: as many as FFmpeg likes

    @property
    def cpu(self) -> int:
        """Seconds of all processors that the wall limit lets it take: for the kernel, should we be gone."""
        return round(self.wall * (os.cpu_count() or 1)) + 10
