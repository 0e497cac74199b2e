"""The house with two workers that make videos, and a look at the FFmpegs that they run."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from shared.config import settings
from tests.house import Customer, House
from tests.supervised import Supervised, Supervisor
from tests.waiting import wait_until

#: What may still be killed without a job being given up for it.
SPARED = "select 1 from jobs where id = %s and state = 'running' and failures < 2 and lost < 3"
SERVED = {"poster.jpg", "storyboard.jpg", "storyboard.vtt", "stream"}


@dataclass(frozen=True, slots=True)
class Program:
    """An FFmpeg at work, and for which job, as the folder says in which it runs."""

    process: psutil.Process
    video: UUID
    job: UUID
    unit: Supervised


class VideoHouse:
    """`with making_videos(house) as videos:`; its workers come back when they die."""

    def __init__(self, house: House, heavies: Sequence[Supervised]) -> None:
        self.house = house
        self.heavies = heavies

    @property
    def units(self) -> list[Supervised]:
        return [*self.house.units, *self.heavies]

    def upload(self, customer: Customer, content: bytes, filename: str = "film.mp4") -> UUID:
        answer = self.house.http.put(f"/videos/{filename}", content=content, headers=customer.headers)
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["id"])

    def cancel(self, customer: Customer, video: UUID) -> None:
        answer = self.house.http.post(f"/videos/{video}/cancellation", headers=customer.headers)
        assert answer.status_code == 200, answer.text

    def row(self, video: UUID) -> Any:
        return self.house.sql("select * from videos where id = %s", video)[0]

    def left(self, videos: Sequence[UUID]) -> int:
        """Return how many of these are not done."""
        return int(
            self.house.one("select count(*) from videos where id = any(%s) and status <> 'completed'", list(videos))
        )

    def programs(self) -> list[Program]:
        """Return the FFmpegs that run for jobs now."""
        return [program for unit in self.units if unit.alive() for program in _programs_of(unit)]

    def program_of(self, video: UUID, job: str) -> Program:
        """Wait until a job of a video runs FFmpeg."""
        return wait_until(lambda: [each for each in self.programs() if self._is(each, video, job)])[0]

    def _is(self, program: Program, video: UUID, job: str) -> bool:
        named = self.house.sql("select name from jobs where id = %s", program.job)
        return program.video == video and [row.name for row in named] == [job]

    def strike(self, dice: random.Random) -> str:
        """Kill what makes a video just now: its FFmpeg, or the whole worker. Return which; nothing if it had ended."""
        running = [each for each in self.programs() if self.house.sql(SPARED, each.job)]
        if not running:
            return ""
        program = dice.choice(running)
        if dice.random() < 0.5:
            program.unit.kill()
            return "worker"
        with suppress(psutil.NoSuchProcess):
            program.process.kill()
            return "ffmpeg"
        return ""

    def stray(self) -> list[str]:
        """Return the processes on this machine that work in this house's folder."""
        found = (each for each in psutil.process_iter() if _folder_of(each) is not None)
        return [str(each) for each in found]

    def gone(self, program: Program) -> bool:
        """Say whether it has ended; a zombie has."""
        try:
            return not program.process.is_running() or program.process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def has_poster(self, video: UUID) -> bool:
        return self.row(video).poster is not None

    def on_disk(self) -> set[str]:
        """Return what lies under the folder of files; of a stream its folder."""
        root = settings().files
        things = [path for folder in ("uploads", "work", "media") for path in (root / folder).rglob("*")]
        names = (str(each.relative_to(root)) for each in things if each.is_file() or not any(each.iterdir()))
        return {name.partition("/stream/")[0] + "/stream" if "/stream/" in name else name for name in names}

    def expected(self, videos: Sequence[UUID]) -> set[str]:
        return {f"uploads/{video}" for video in videos} | {f"media/{v}/1/{name}" for v in videos for name in SERVED}


def _programs_of(unit: Supervised) -> Iterator[Program]:
    try:
        children = psutil.Process(unit.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for process in children:
        if (folder := _folder_of(process)) and folder.parts[0] == "work":
            yield Program(process, UUID(folder.parts[1]), UUID(folder.parts[3]), unit)


def _folder_of(process: psutil.Process) -> Path | None:
    """Return where in the folder of files a process works, if it does."""
    try:
        folder = Path(process.cwd().removesuffix(" (deleted)"))
        return folder.relative_to(settings().files) if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError):
        return None


@contextmanager
def making_videos(house: House, folder: Path) -> Iterator[VideoHouse]:
    words = ("services.worker", "run", "--queues", "processing", "--threads", "1", "--unit")
    heavies = [house._process(folder, name, *words, name) for name in ("heavy-1", "heavy-2")]
    supervisor = Supervisor(heavies)
    try:
        for heavy in heavies:
            heavy.up()
        supervisor.start()
        wait_until(lambda: house.one("select count(*) from workers where 'processing' = any(queues)") == 2, 60)
        yield VideoHouse(house, heavies)
    finally:
        supervisor.stop()
        for heavy in heavies:
            heavy.down()
            print(f"--- {heavy.name}\n{heavy.said()[-4000:]}")  # noqa: T201 - pytest shows it of a failure
