"""The last step before a video is shown: master playlist, progressive MP4, and a look at everything that was made."""

import os
from dataclasses import replace
from pathlib import Path

import ffmpeg

from services.worker.ffmpeg import graph, playlist
from services.worker.ffmpeg.confinement import NICE, Confinement
from services.worker.ffmpeg.errors import Broken, Failed, Stopped
from services.worker.ffmpeg.plan import AUDIO, Plan
from services.worker.ffmpeg.playlist import INDEX, Playlist
from services.worker.ffmpeg.supervise import work
from services.worker.ffmpeg.watch import Watch

MASTER = "master.m3u8"
PROGRESSIVE = "video.mp4"
SHARE, SECONDS = 0.02, 1.0  # as far may a length be from what was planned: whichever is more
MOVING_INDEX = 600.0  # seconds: an MP4 is written a second time, with its index first, and tells no progress meanwhile


def finish(folder: Path, plan: Plan, watch: Watch) -> None:
    """Write `master.m3u8` and `video.mp4` into what was made; raise Broken if it is not as planned."""
    rungs, audio = check(folder, plan)
    codecs = [playlist.codec_of(folder / rung.name / "init.mp4") for rung in plan.rungs]
    _decode_and_copy(folder, plan, watch)
    (folder / MASTER).write_text(playlist.master(plan, rungs, audio, codecs))
    _keep(folder)


def check(folder: Path, plan: Plan) -> tuple[list[Playlist], Playlist | None]:
    """Compare what was made with the plan: FFmpeg ends well too when a source breaks off in the middle."""
    rungs = [playlist.read(folder / rung.name) for rung in plan.rungs]
    if len({rung.seconds for rung in rungs}) != 1:
        raise Broken("the rungs' segments are not equal")
    _compare("pictures", rungs[0].length, plan.video_duration)
    if (folder / AUDIO).exists() != (plan.audio_index is not None):
        raise Broken("there is sound, or there is none, against the plan")
    if plan.audio_index is None:
        return rungs, None
    audio = playlist.read(folder / AUDIO)
    _compare("sound", audio.length, plan.audio_duration or min(audio.length, plan.duration))
    return rungs, audio


def _compare(what: str, made: float, planned: float) -> None:
    if abs(made - planned) > max(SECONDS, SHARE * planned):
        raise Broken(f"there are {made:.2f} s of {what}, and {planned:.2f} s were to be")


def _decode_and_copy(folder: Path, plan: Plan, watch: Watch) -> None:
    """Write the progressive file from the largest rung, and decode the beginning of all: one run."""
    opened = {name: graph.made(f"{name}/{INDEX}", "hls") for name in plan.renditions}
    streams = [opened[plan.rungs[0].name]["v:0"], *([opened[AUDIO]["a:0"]] if AUDIO in opened else [])]
    outputs = [
        ffmpeg.output(*streams, f"file:{PROGRESSIVE}", f="mp4", c="copy", movflags="+faststart", **graph.BARE),
        *(
            # Nothing decoded is an empty output; FFmpeg does not mind, so it is told to.
            ffmpeg.output(graph.made(f"{name}/{INDEX}", "hls", t=1)["0"], f"file:{os.devnull}", f="null", vframes=1)
            for name in plan.renditions
        ),
    ]
    argv = [*graph.command(outputs, watch), "-xerror", "-abort_on", "empty_output_stream"]
    confinement = Confinement([folder], folder, cpu=watch.cpu, disk=watch.disk, nice=NICE)
    try:
        work(argv, confinement, replace(watch, stall=max(watch.stall, MOVING_INDEX)), plan.duration)
    except Stopped:
        raise
    except Failed as failed:
        raise Broken(f"what was made cannot be played: {failed.tail}") from failed


def _keep(folder: Path) -> None:
    """Have the disk keep everything before anybody is told of it."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
