"""A video's poster and its storyboard: small runs of FFmpeg, so that there is a picture in a second."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Self

import ffmpeg

from services.worker.ffmpeg import graph
from services.worker.ffmpeg.confinement import GIBIBYTE, Confinement
from services.worker.ffmpeg.errors import Broken
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.supervise import work
from services.worker.ffmpeg.watch import Watch

POSTER = 1280  # points of the long side
CANDIDATES = 24  # pictures of which the most usual is taken: none that is black, or in the middle of a cut
EARLY = 0.1  # of the video: there it has begun
TILE = 160  # points of the long side
COLUMNS, MOST_TILES = 10, 100
CLOSEST = 1.0  # seconds between two tiles
MEMORY = 3 * GIBIBYTE
DISK = 64 * 2**20


def poster(source: Path, plan: Plan, folder: Path, watch: Watch) -> Path:
    """Make `folder/poster.jpg`."""
    path = folder / "poster.jpg"
    for moment in dict.fromkeys((plan.video_duration * EARLY, 0.0)):
        opened = graph.source(source, plan, watch, ss=f"{moment:.3f}")
        pictures = graph.upright(opened[str(plan.video_index)], plan, *_fit(plan, POSTER))
        _write(source, pictures.filter("thumbnail", n=CANDIDATES), path, watch, quality=3)
        if path.exists():  # a video may be shorter than it says, and then there is nothing at that moment
            break
    return _checked(path)


def storyboard(source: Path, plan: Plan, folder: Path, watch: Watch) -> tuple[Path, Path]:
    """Make `folder/storyboard.jpg` of key frames, and `folder/storyboard.vtt`, which says what is where."""
    path, index = folder / "storyboard.jpg", folder / "storyboard.vtt"
    grid = _Grid.of(plan)
    opened = graph.source(source, plan, watch, skip_frame="nokey")  # 9 times cheaper than all frames
    pictures = graph.upright(opened[str(plan.video_index)], plan, grid.width, grid.height)
    pictures = pictures.filter("fps", fps=f"1/{grid.every:g}", start_time=0, eof_action="pass")
    pictures = pictures.filter("tpad", stop=grid.tiles, stop_mode="clone")  # after the last key frame: that one
    _write(source, pictures.filter("tile", layout=f"{grid.columns}x{grid.rows}"), path, watch, quality=5)
    _checked(path)
    index.write_text(grid.cues(plan.video_duration))
    return path, index


@dataclass(frozen=True, slots=True)
class _Grid:
    """How a storyboard's tiles lie."""

    width: int
    height: int
    every: float
    tiles: int

    @classmethod
    def of(cls, plan: Plan) -> Self:
        every = max(CLOSEST, ceil(plan.video_duration / MOST_TILES))
        return cls(*_fit(plan, TILE), every, max(1, ceil(plan.video_duration / every)))

    @property
    def columns(self) -> int:
        return min(COLUMNS, self.tiles)

    @property
    def rows(self) -> int:
        return ceil(self.tiles / self.columns)

    def cues(self, duration: float) -> str:
        """Return WebVTT: for each tile, from when to when it is shown and where it is."""
        cues = ["WEBVTT"]
        for tile in range(self.tiles):
            x, y = tile % self.columns * self.width, tile // self.columns * self.height
            begins = tile * self.every
            ends = min(begins + self.every, max(duration, begins + 0.001))
            cues.append(f"{_clock(begins)} --> {_clock(ends)}\nstoryboard.jpg#xywh={x},{y},{self.width},{self.height}")
        return "\n\n".join(cues) + "\n"


def _write(source: Path, pictures: graph.Stream, path: Path, watch: Watch, quality: int) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    output = ffmpeg.output(
        pictures.filter("format", pix_fmts="yuvj420p"),
        f"file:{path.name}",
        f="image2",
        update=1,
        vframes=1,
        **{"c:v": "mjpeg", "q:v": quality, "fps_mode": "passthrough"},
        **graph.BARE,
    )
    confinement = Confinement([source], path.parent, memory=MEMORY, cpu=watch.cpu, disk=DISK)
    work(graph.command([output], watch), confinement, watch, seconds=1.0)


def _fit(plan: Plan, longest: int) -> tuple[int, int]:
    """Return the size of a picture that fits a square; none is made larger."""
    by = min(1.0, longest / max(plan.width, plan.height))
    width, height = (max(2, round(side * by / 2) * 2) for side in (plan.width, plan.height))
    return width, height


def _checked(path: Path) -> Path:
    content = path.read_bytes() if path.exists() else b""
    if not content.startswith(b"\xff\xd8") or not content.endswith(b"\xff\xd9"):
        raise Broken(f"no picture could be read for {path.name}")
    return path


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
