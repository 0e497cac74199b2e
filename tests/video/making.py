"""Make clips with FFmpeg's own test pictures, and look at what came out of them."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.worker.ffmpeg.capabilities import capabilities

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "96k")


def picture(width: int = 320, height: int = 240, rate: str = "30", seconds: float = 2) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate={rate}:duration={seconds}"]


def tone(seconds: float = 2) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]


def ffmpeg(*words: str | Path) -> None:
    command = [str(capabilities().ffmpeg), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def clip(path: Path, *words: str, width: int = 320, height: int = 240, rate: str = "30", seconds: float = 2) -> Path:
    """Make a small film with sound; words: what else is said of the output."""
    ffmpeg(*picture(width, height, rate, seconds), *tone(seconds), *X264, *AAC, *words, f"file:{path}")
    return path


def show(path: Path, *words: str) -> list[list[str]]:
    """Ask ffprobe: rows of what is asked for."""
    command = [str(capabilities().ffprobe), "-v", "error", *words, "-of", "csv=p=0", f"file:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.strip(",").split(",") for line in done.stdout.splitlines() if line.strip(",")]


@dataclass(frozen=True, slots=True)
class Seen:
    """When a video's pictures are shown, and which of them are key frames."""

    moments: tuple[float, ...]
    keys: tuple[float, ...]

    @property
    def gaps(self) -> set[float]:
        return {round(after - before, 3) for before, after in zip(self.moments, self.moments[1:], strict=False)}


def pictures_of(path: Path) -> Seen:
    rows = show(path, "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags")
    return Seen(
        tuple(sorted(float(row[0]) for row in rows)), tuple(sorted(float(row[0]) for row in rows if "K" in row[1]))
    )


def size_of(path: Path) -> tuple[int, int]:
    (row,) = {tuple(row) for row in show(path, "-select_streams", "v:0", "-show_entries", "stream=width,height")}
    return int(row[0]), int(row[1])


def length_of(path: Path) -> float:
    return float(show(path, "-show_entries", "format=duration")[0][0])


def kinds_of(path: Path) -> list[str]:
    return [row[0] for row in show(path, "-show_entries", "stream=codec_name")]


def words(*groups: Sequence[str]) -> list[str]:
    return [word for group in groups for word in group]
