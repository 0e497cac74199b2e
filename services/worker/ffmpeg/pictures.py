"""A video's poster and its storyboard: small runs of FFmpeg, so that there is a picture in a second."""

from pathlib import Path

from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.watch import Watch


def poster(source: Path, plan: Plan, folder: Path, watch: Watch) -> Path:
    """Make `folder/poster.jpg`."""
    raise NotImplementedError(source, plan, folder, watch)


def storyboard(source: Path, plan: Plan, folder: Path, watch: Watch) -> tuple[Path, Path]:
    """Make `folder/storyboard.jpg` and `folder/storyboard.vtt`, which says what is where."""
    raise NotImplementedError(source, plan, folder, watch)
