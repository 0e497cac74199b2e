"""A run of FFmpeg ends: by itself, at a limit, or when its job is interrupted; and nothing of it goes on."""

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from services.worker.ffmpeg.capabilities import capabilities
from services.worker.ffmpeg.confinement import Confinement
from services.worker.ffmpeg.errors import Failed, Stopped
from services.worker.ffmpeg.progress import TELL, Progress
from services.worker.ffmpeg.supervise import TAIL, work
from services.worker.ffmpeg.watch import Watch
from shared.ids import new_id
from shared.jobs.interrupt import Interrupted, interrupt, interruptible
from tests.waiting import wait_until

ENDLESS = [
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=640x480:rate=30",
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-f",
    "mpegts",
]
QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", *TELL, "-y"]


def run(folder: Path, watch: Watch, *words: str, seconds: float = 60) -> None:
    argv = [str(capabilities().ffmpeg), *QUIET, *words, "file:out.ts"]
    work(argv, Confinement((), folder, cpu=watch.cpu), watch, seconds)


def running(folder: Path) -> list[psutil.Process]:
    """Return what runs in that folder: engines of other tests are children of this process, too."""
    return [child for child in psutil.Process().children(recursive=True) if lives_in(child, folder)]


def lives_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder)
    except psutil.NoSuchProcess:
        return False


def test_it_tells_how_far_it_is_and_never_less(tmp_path: Path) -> None:
    told: list[float] = []
    run(tmp_path, Watch(told.append), "-t", "40", *ENDLESS, seconds=40)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 1


@pytest.mark.parametrize(("limit", "watch"), [("wall", Watch(wall=1)), ("disk", Watch(disk=500_000, wall=30))])
def test_it_is_stopped_at_a_limit(limit: str, watch: Watch, tmp_path: Path) -> None:
    # Given an ffmpeg that would go on for ever, then it is stopped
    with pytest.raises(Stopped) as stopped:
        run(tmp_path, watch, *ENDLESS)
    assert stopped.value.limit == limit
    assert not running(tmp_path)


def test_it_is_stopped_when_it_gets_no_further(tmp_path: Path) -> None:
    # Given a source from which nothing comes
    os.mkfifo(tmp_path / "silence")
    began = time.monotonic()
    # When FFmpeg waits for it, then it is stopped long before its time is over
    with pytest.raises(Stopped) as stopped:
        run(tmp_path, Watch(stall=1), "-i", "file:silence", "-f", "mpegts")
    assert stopped.value.limit == "stall"
    assert time.monotonic() - began < 10
    assert not running(tmp_path)


def test_an_interrupted_job_kills_it_within_a_second(tmp_path: Path) -> None:
    # Given a job's thread in which FFmpeg runs
    attempt = (new_id(), 1)
    ended: list[BaseException] = []

    def job() -> None:
        try:
            with interruptible(attempt):
                run(tmp_path, Watch(), *ENDLESS)
        except Interrupted as interrupted:
            ended.append(interrupted)

    thread = threading.Thread(target=job)
    thread.start()
    wait_until((tmp_path / "out.ts").exists)
    # When its job is interrupted
    began = time.monotonic()
    interrupt(attempt)
    thread.join(5)
    # Then it is gone, and the job knows why
    assert len(ended) == 1
    assert time.monotonic() - began < 1
    assert not running(tmp_path)


def test_what_it_complains_about_is_kept_but_not_all(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        run(tmp_path, Watch(), "-loglevel", "trace", "-f", "mov", "-i", "file:missing.mp4")
    assert "missing.mp4" in failed.value.tail
    assert len(failed.value.tail) <= TAIL


def test_progress_believes_no_nonsense() -> None:
    # Given what builds of FFmpeg have said
    told: list[float] = []
    progress = Progress(10, told.append)
    for said in ("N/A", "-9223372036854775807", "5000000", "80000000", "30000"):
        progress.hear(f"out_time_us={said}\nprogress=continue\n".encode())
    # Then it is never less than before, and never more than all
    assert told == [0, 0, 0.5, 1, 1]
