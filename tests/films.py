"""Small films for tests, made by the FFmpeg that is here, and a studio in whose hands they are processed."""

import json
import shutil
import subprocess
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import UUID

from services.worker.listeners import LISTENERS
from shared.config import settings
from shared.db.engine import Connection
from shared.db.sql import uploads, videos
from shared.db.transaction import Transaction, transaction
from shared.domain.videos import VideoStatus, media_path, source_path, work_path
from shared.engines import binaries
from shared.events.catalogue import VideoCancelled, VideoDeleted, VideoResubmitted
from shared.events.expand import Listeners
from shared.events.record import record
from shared.ids import new_id
from shared.jobs.testing.drain import Ran, drain

#: Owners are told by other jobs, with tests of their own.
WITHOUT_TELLING: Listeners = {
    event: [listener for listener in listeners if not getattr(listener, "__name__", "").startswith("tell_customer")]
    for event, listeners in LISTENERS.items()
}
STREAM = {"stream", "poster.jpg", "storyboard.jpg", "storyboard.vtt"}


@cache
def film(seconds: float = 2, *, size: str = "320x240", rate: int = 30, sound: bool = True) -> bytes:
    """Return an MP4 of moving pictures and a tone."""
    folder = Path(mkdtemp(prefix="taboor-film-"))
    try:
        path = folder / "film.mp4"
        pictures = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
        tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"] if sound else []
        made = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(rate)]
        made += ["-movflags", "+faststart", str(path)]  # its index comes first, so that it can break off after it
        quiet = [str(binaries.ffmpeg()), "-hide_banner", "-loglevel", "error", "-nostdin"]
        subprocess.run([*quiet, *pictures, *tone, *made], check=True, timeout=60)
        return path.read_bytes()
    finally:
        shutil.rmtree(folder)


def cut_off(content: bytes) -> bytes:
    """Return a film that says how long it is, and breaks off in the middle."""
    return content[: len(content) * 6 // 10]


class Studio:
    """Videos as the API hands them over, and what becomes of them."""

    def __init__(self, connection: Connection, owner: UUID) -> None:
        self.connection = connection
        self.owner = owner

    # --- what the API does ---

    def begin(self, size: int, filename: str = "فيلم العيد.mp4", seconds: float = 3600) -> UUID:
        """Begin an upload."""
        video_id = new_id()
        with transaction(self.connection) as tx:
            uploads.create(tx, video_id, self.owner, filename=filename, size=size, metadata="", seconds=seconds)
        return video_id

    def write(self, video_id: UUID, content: bytes) -> None:
        self.source(video_id).parent.mkdir(parents=True, exist_ok=True)
        self.source(video_id).write_bytes(content)

    def upload(self, content: bytes, filename: str = "فيلم العيد.mp4") -> UUID:
        video_id = self.begin(len(content), filename)
        self.write(video_id, content)
        with transaction(self.connection) as tx:
            uploads.complete(tx, video_id)
        return video_id

    def cancel(self, video_id: UUID) -> None:
        with transaction(self.connection) as tx:
            if moved := videos.move(tx, videos.lock(tx, video_id), VideoStatus.CANCELLED):
                record(tx, VideoCancelled(video=moved))

    def resubmit(self, video_id: UUID) -> None:
        with transaction(self.connection) as tx:
            if moved := videos.move(tx, videos.lock(tx, video_id), VideoStatus.UPLOADED):
                record(tx, VideoResubmitted(video=moved))

    def delete(self, video_id: UUID) -> None:
        with transaction(self.connection) as tx:
            record(tx, VideoDeleted(video=videos.delete(tx, videos.lock(tx, video_id))))

    def writing(self) -> AbstractContextManager[Transaction]:
        return transaction(self.connection)

    # --- what happens to machines ---

    def block_work(self, video_id: UUID) -> Path:
        """Let nothing be made of a video, because where its folder would be there is something else."""
        obstacle = settings().files / "work" / str(video_id)
        obstacle.parent.mkdir(parents=True, exist_ok=True)
        obstacle.write_text("a disk that is broken")
        return obstacle

    def workers(self, number: int) -> None:
        """Let so many workers, for all we know, make videos."""
        for each in range(number):
            self.rows(
                "insert into workers (id, unit, host, pid, queues, threads) values (%s, 'heavy', 'cairo', 1, %s, 1)",
                f"heavy-{each}@cairo",
                ["processing"],
            )

    # --- what workers do ---

    def work(self, **how: Any) -> list[Ran]:
        """Run all jobs that are due, and what follows from them; a retry need not wait for its time."""
        return drain(self.connection, WITHOUT_TELLING, **{"retry_at_once": True, "within": 60, **how})

    # --- what is to be seen ---

    def row(self, video_id: UUID) -> Any:
        return self.rows("select * from videos where id = %s", video_id)[0]

    def said(self, video_id: UUID) -> tuple[str, str | None, str | None]:
        """Return its status, and why."""
        row = self.row(video_id)
        return row.status, row.code, row.reason

    def status(self, video_id: UUID) -> str:
        return str(self.row(video_id).status)

    def facts(self, video_id: UUID) -> list[str]:
        return [row.name for row in self.rows("select name from events where aggregate_id = %s order by seq", video_id)]

    def jobs(self, video_id: UUID, name: str = "%") -> list[Any]:
        return self.rows(
            "select * from jobs where aggregate_id = %s and name like %s order by created_at, id", video_id, name
        )

    def rows(self, statement: str, *values: object) -> list[Any]:
        cursor = self.connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def source(self, video_id: UUID) -> Path:
        return settings().files / source_path(video_id)

    def media(self, video_id: UUID, generation: int = 1) -> Path:
        return settings().files / media_path(video_id, generation)

    def working(self, video_id: UUID, generation: int = 1) -> Path:
        return settings().files / work_path(video_id, generation)

    def on_disk(self) -> set[str]:
        """Return every file under the folder of files, and every folder that is empty; of a stream its folder."""
        root = settings().files
        found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or not any(path.iterdir())}
        return {name.partition("/stream/")[0] + "/stream" if "/stream/" in name else name for name in found} - {
            "uploads",
            "work",
            "media",
        }

    def expected(self, *finished: UUID, generation: int = 1) -> set[str]:
        """Return what may be on the disk when these are finished and nothing else is there."""
        shown = {f"{media_path(video, generation)}/{name}" for video in finished for name in STREAM}
        return shown | {source_path(video) for video in finished}


def probed(path: Path, *entries: str) -> dict[str, Any]:
    """Return what ffprobe says of a file."""
    said = subprocess.run(
        [str(binaries.ffprobe()), "-v", "error", *entries, "-of", "json", str(path)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(said.stdout)
    return answer


def frames(path: Path) -> int:
    """Return how many pictures a file holds, each decoded."""
    said = probed(path, "-select_streams", "v:0", "-count_frames", "-show_entries", "stream=nb_read_frames")
    return int(said["streams"][0]["nb_read_frames"])


def seconds(path: Path) -> float:
    return float(probed(path, "-show_entries", "format=duration")["format"]["duration"])
