"""The last step before a video is shown: master playlist, progressive MP4, and a look at everything that was made."""

from pathlib import Path

from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.watch import Watch


def finish(folder: Path, plan: Plan, watch: Watch) -> None:
    """Write `master.m3u8` and `video.mp4` into what was made; raise Broken if it is not as planned."""
    raise NotImplementedError(folder, plan, watch)
