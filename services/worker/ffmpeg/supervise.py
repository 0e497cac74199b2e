"""Run a program of FFmpeg's to its end, or to ours: in a loop that looks up often enough to be interrupted."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.worker.ffmpeg.confinement import Confinement
from services.worker.ffmpeg.errors import Failed, Stopped
from services.worker.ffmpeg.progress import Progress
from services.worker.ffmpeg.watch import Watch
from shared.jobs.process import kill_group

POLL = 0.2  # seconds: what interrupts a job's thread is raised between two looks only
TAIL = 4096  # bytes kept of what it complains about …
ANSWER = 2**20  # … and of what it answers at most
LOOK_AT_DISK = 1.0  # seconds


def ask(argv: Sequence[str], confinement: Confinement, watch: Watch) -> tuple[bytes, str]:
    """Return what a program answers, 1 MiB at most, and the end of what it complained about."""
    run = _Run(argv, confinement, watch)
    return run.answer(), run.tail()


def work(argv: Sequence[str], confinement: Confinement, watch: Watch, seconds: float) -> str:
    """Run an ffmpeg that tells its progress through `seconds` of video; return the end of what it complained about."""
    run = _Run(argv, confinement, watch, Progress(seconds, watch.progress))
    run.answer()
    return run.tail()


@dataclass
class _Run:
    """One run. The supervisor and the launcher agree who is whose before FFmpeg starts."""

    argv: Sequence[str]
    confinement: Confinement
    watch: Watch
    progress: Progress | None = None
    said: bytearray = field(default_factory=bytearray)
    complaints: bytearray = field(default_factory=bytearray)

    def answer(self) -> bytes:
        with _started(self.confinement.command(self.argv), self.confinement.folder) as process:
            self._listen(process)
            code = process.wait(timeout=10)  # its pipes are closed: it is gone, or as good as
        if code:
            raise Failed(code, self.tail())
        if self.progress is not None:
            self.progress.finished()
        return bytes(self.said)

    def tail(self) -> str:
        return self.complaints[-TAIL:].decode(errors="replace").strip()

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        began = looked = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(POLL):
                    if not self._hear(os.read(key.fd, 65536), complaint=key.fileobj is process.stderr):
                        selector.unregister(key.fileobj)
                now = time.monotonic()
                self._check_time(now, began)
                if now - looked > LOOK_AT_DISK:
                    looked = now
                    self._check_disk()

    def _hear(self, heard: bytes, *, complaint: bool) -> bytes:
        if complaint:
            self.complaints += heard
            del self.complaints[: -4 * TAIL]
        elif self.progress is not None:
            self.progress.hear(heard)
        else:
            self.said += heard
            if len(self.said) > ANSWER:
                raise Failed(-9, "it answers too much")
        return heard

    def _check_time(self, now: float, began: float) -> None:
        if now - began > self.watch.wall:
            raise Stopped("wall", self.tail())
        if self.progress is not None and now - self.progress.moved > self.watch.stall:
            raise Stopped("stall", self.tail())

    def _check_disk(self) -> None:
        if self.confinement.folder is not None and taken(self.confinement.folder) > self.watch.disk:
            raise Stopped("disk", self.tail())


@contextmanager
def _started(command: Sequence[str], folder: Path | None) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the launcher in a group of its own; whatever is left of the group when the block ends is killed.

    An exception from outside may arrive after the process was started, and before we know its number: so the launcher
    waits for a word, and gives up if the pipe ends instead. Start it from a thread that lives as long as the run: the
    kernel kills it when its *thread* ends.
    """
    process = subprocess.Popen(  # noqa: S603 - our own list of words, no shell
        command,
        cwd=folder,
        env={},
        process_group=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as word:
            word.write(b"!")
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        kill_group(process.pid)
    finally:  # an exception from outside may have come just then
        kill_group(process.pid)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def taken(folder: Path) -> int:
    """Return how many bytes the files of a folder take; one may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total
