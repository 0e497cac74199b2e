"""Processes as supervisord keeps them: one that dies comes back, unless a test says that it stays down."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.config import ROOT

LOOKS_EVERY = 0.02
ENDS_WITHIN = 30.0
#: Run a module as `python -m` does, but never outlive the test run.
RUN = """
import runpy, signal, sys
from shared.engines.process import die_with_parent
die_with_parent(signal.SIGKILL)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

# Linux sends the parent-death signal when the *thread* that started the child ends; this one lives as long as we do.
_starter = ThreadPoolExecutor(1, thread_name_prefix="supervised")


class Supervised:
    """One process: `arguments` are a module and its options. Its log goes on when it comes back."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.deaths = 0
        self._command = [sys.executable, "-c", RUN, *arguments]
        self._environment = {**environment, "PYTHONUNBUFFERED": "1"}  # tests read the log
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._lock = threading.RLock()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def wanted(self) -> bool:
        """Whether it should be there; dead or not."""
        return self._wanted

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def up(self) -> None:
        """Start it; from now on it is wanted."""
        with self._lock:
            self._wanted = True
            if not self.alive():
                self._process = _starter.submit(self._spawn).result()

    def down(self) -> None:
        """Kill it, and it stays down."""
        with self._lock:
            self._wanted = False
            self.kill()

    def kill(self) -> None:
        """As `kill -9`, also of a frozen process; where somebody supervises, it comes back."""
        with self._lock:
            if self._process is not None and self.alive():
                self.deaths += 1
                self._process.kill()
                self._process.wait()

    def end(self) -> None:
        """Ask it to stop, as at the end of a day."""
        with self._lock:
            self._wanted = False
            if self._process is None or not self.alive():
                return
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def look_after(self) -> None:
        """What supervisord does: start it again if it died."""
        with self._lock:
            if self._wanted and not self.alive():
                self.up()

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self.alive():
                self._process.send_signal(number)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


class Supervisor:
    """A thread that brings back what died, from `start()` to `stop()`."""

    def __init__(self, processes: Sequence[Supervised]) -> None:
        self._processes = processes
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._over.wait(LOOKS_EVERY):
            for process in self._processes:
                process.look_after()
