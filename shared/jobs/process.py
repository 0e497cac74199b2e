"""Run a program for a job: it ends with the attempt, and all that it has started with it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

POLL = 0.05  # seconds: a job's thread can be interrupted between two looks only


def run_program(
    argv: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return what it said.

    A time-out of the job, its cancellation or the loss of its lease kills the program's whole group.
    """
    with program_group(argv, folder=folder, environment=environment) as process:
        while True:
            try:
                said, complained = process.communicate(timeout=POLL)
            except subprocess.TimeoutExpired:
                continue
            return subprocess.CompletedProcess(argv, process.returncode, said, complained)


@contextmanager
def program_group(
    argv: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in a group of its own; whatever is left of the group when the block ends is killed."""
    process: subprocess.Popen[bytes] | None = None
    try:
        process = subprocess.Popen(  # noqa: S603 - the job's own list of words, no shell
            argv,
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        yield process
    finally:
        if process is not None:
            kill_group(process.pid)
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def kill_group(group: int) -> None:
    """Kill a process group; one that is gone already is fine."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
