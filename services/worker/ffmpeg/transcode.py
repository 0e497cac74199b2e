"""From a source to HLS: in one run of FFmpeg, or in chunks by many workers and then joined."""

from collections.abc import Sequence
from pathlib import Path

from services.worker.ffmpeg.plan import Chunk, Plan
from services.worker.ffmpeg.watch import Watch


def transcode(source: Path, plan: Plan, folder: Path, watch: Watch) -> None:
    """Make `folder/<rung>/` of every rung and `folder/audio/`, if there is sound, in one run."""
    raise NotImplementedError(source, plan, folder, watch)


def transcode_chunk(source: Path, plan: Plan, chunk: Chunk, folder: Path, watch: Watch) -> None:
    """Make `folder/<rung>.mp4` of every rung, for one chunk."""
    raise NotImplementedError(source, plan, chunk, folder, watch)


def transcode_audio(source: Path, plan: Plan, folder: Path, watch: Watch) -> None:
    """Make `folder/audio/`: sound is never cut into chunks, one would hear it."""
    raise NotImplementedError(source, plan, folder, watch)


def join(parts: Sequence[Path], plan: Plan, folder: Path, watch: Watch) -> None:
    """Make of the folders of all chunks, and of the audio's, in any order, what `transcode` would have made."""
    raise NotImplementedError(parts, plan, folder, watch)
