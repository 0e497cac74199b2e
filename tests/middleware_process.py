"""A worker unit that knows the jobs with layers as well; its arguments are those of `tests/ledger_process.py`."""

import runpy
import subprocess
import sys
from pathlib import Path

import tests.middleware_jobs  # noqa: F401 - to be known is all they need
from shared.config import ROOT
from tests.ledger import Ledger, Process


class LayeredProcess(Process):
    """See `Process`."""

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.middleware_process", *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def layered_unit(ledger: Ledger, name: str, queues: str = "default") -> Process:
    """Start a unit that ends with the test."""
    log: Path = ledger._folder / f"layered-{name}.log"
    process = LayeredProcess(["unit", name, queues, "4", "10"], log)
    ledger._processes.append(process)
    return process


if __name__ == "__main__":
    runpy.run_module("tests.ledger_process", run_name="__main__", alter_sys=True)
