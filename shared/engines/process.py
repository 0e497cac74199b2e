"""One engine as a child process: started and waited for, stopped kindly, killed cruelly, started again."""

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from shared.config import ROOT

# Linux sends the parent-death signal when the *thread* that started the child ends. This one lives as long as we do,
# so that a test may start an engine from a thread of its own.
_starter = ThreadPoolExecutor(1, thread_name_prefix="engines")


class EngineFailed(RuntimeError):
    """An engine did not come up; the message ends with what it said last."""


class Engine(ABC):
    """A server with a data folder and a loopback port. Use it in a `with`, or call `start()` and `stop()`."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Say where a client finds it."""

    @abstractmethod
    def answers(self) -> bool:
        """Ask it something."""

    @property
    def pid(self) -> int:
        """Return the server's process: PostgreSQL's is the postmaster."""
        if self._process is None:
            raise EngineFailed(f"{self.name} is not started")
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, within: float = 60) -> None:
        """Start it and return once it answers; the data of an earlier start is kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + within
        while not (self.alive() and self.answers()):
            if time.monotonic() > deadline:
                self.stop()
                raise EngineFailed(f"{self.name} did not answer within {within:.0f} s: {self._last_words()}")
            if not self.alive():  # also after a kill, while the dead server's children still hold its memory
                self._launch()
            time.sleep(0.02)

    def stop(self, within: float = 20) -> None:
        """Let it shut down; what does not end in time is killed."""
        if self._process is None:
            return
        if self.alive():
            self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would; `start()` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _launch(self) -> None:
        self._process = _starter.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "shared.engines", self.name]
        options = ["--folder", str(self.folder), "--port", str(self.port)]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command, no shell
                [*command, *options], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else "(it said nothing)"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def die_with_parent(death: signal.Signals) -> None:
    """Ask Linux for a signal when the process that started us is gone, so that no engine outlives its demo or test."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - Linux only

    set_parent_death_signal = 1
    if ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, int(death), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def become(command: list[str], environment: dict[str, str]) -> None:
    """Replace this process by the engine: its pid is the one that was started."""
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - our own command, no shell
