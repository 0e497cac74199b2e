"""What a run of FFmpeg may touch and take, and how the launcher is told."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("sandbox.py")
GIBIBYTE = 2**30
NICE = 10  # for what takes long: a picture, and all else that people wait for, goes before


@dataclass(frozen=True, slots=True)
class Confinement:
    """`reads`: the only files it sees, besides its own libraries; `folder`: the only one that it writes to."""

    reads: Sequence[Path] = ()
    folder: Path | None = None
    memory: int = 4 * GIBIBYTE  # of addresses: the ladder of 1080p on two cores takes 1.3 GiB, and 0.5 of memory
    cpu: int = 3600  # seconds
    disk: int = 16 * GIBIBYTE  # of one file; the supervisor watches the folder
    nice: int = 0

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the launcher's command for a program, of which the path is absolute."""
        told = {
            "parent": os.getpid(),
            "reads": [str(path.absolute()) for path in self.reads],
            "folder": None if self.folder is None else str(self.folder.absolute()),
            "memory": self.memory,
            "cpu": self.cpu,
            "disk": self.disk,
            "nice": self.nice,
        }
        return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(told), *argv]
