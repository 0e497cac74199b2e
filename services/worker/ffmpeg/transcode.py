"""From a source to HLS: in one run of FFmpeg, or in chunks by many workers."""

import json
from dataclasses import asdict
from pathlib import Path

import ffmpeg

from services.worker.ffmpeg import graph
from services.worker.ffmpeg.confinement import NICE, Confinement
from services.worker.ffmpeg.join import join
from services.worker.ffmpeg.plan import AUDIO, CHUNK, MICROSECONDS, Chunk, Plan
from services.worker.ffmpeg.supervise import work
from services.worker.ffmpeg.watch import Watch

SPARE = 2.0  # seconds: what a source may be longer than it says

__all__ = ["join", "transcode", "transcode_audio", "transcode_chunk"]


def transcode(source: Path, plan: Plan, folder: Path, watch: Watch) -> None:
    """Make `folder/<rung>/` of every rung and `folder/audio/`, if there is sound, in one run."""
    opened = graph.source(source, plan, watch)
    pictures = graph.cascade(graph.timed(opened[str(plan.video_index)], plan, None), plan)
    outputs = [
        graph.hls(stream, rung.name, t=plan.duration + SPARE, **graph.h264(plan, rung, watch), **graph.until_next(plan))
        for stream, rung in zip(pictures, plan.rungs, strict=True)
    ]
    if plan.audio_index is not None:
        outputs.append(_sound(opened, plan))
    _run(_confined(source, folder, watch, *plan.renditions), outputs, watch, plan.duration)


def transcode_chunk(source: Path, plan: Plan, chunk: Chunk, folder: Path, watch: Watch) -> None:
    """Make `folder/<rung>.mp4` of every rung, for one chunk."""
    end = plan.video_duration + SPARE if chunk.end is None else chunk.end / MICROSECONDS
    seconds = end - chunk.start / MICROSECONDS
    # The cut behind the chunk is made by its filter; this only ends the reading, a little later.
    opened = graph.source(source, plan, watch, ss=f"{chunk.start / MICROSECONDS:.6f}", t=f"{seconds + SPARE:.6f}")
    pictures = graph.cascade(graph.timed(opened[str(plan.video_index)], plan, chunk), plan)
    outputs = [
        ffmpeg.output(
            stream,
            f"file:{rung.name}.mp4",
            f="mp4",
            t=seconds + SPARE,
            **graph.h264(plan, rung, watch, chunk.late / MICROSECONDS),
            **graph.BARE,
        )
        for stream, rung in zip(pictures, plan.rungs, strict=True)
    ]
    _run(_confined(source, folder, watch), outputs, watch, seconds)
    (folder / CHUNK).write_text(json.dumps(asdict(chunk)))


def transcode_audio(source: Path, plan: Plan, folder: Path, watch: Watch) -> None:
    """Make `folder/audio/`: sound is never cut into chunks, one would hear it."""
    opened = graph.source(source, plan, watch)
    _run(_confined(source, folder, watch, AUDIO), [_sound(opened, plan)], watch, plan.duration)


def _sound(opened: graph.Stream, plan: Plan) -> graph.Stream:
    return graph.hls(opened[str(plan.audio_index)], AUDIO, t=plan.duration + SPARE, **graph.aac())


def _confined(source: Path, folder: Path, watch: Watch, *within: str) -> Confinement:
    """Make the folder, and those within it: FFmpeg makes none."""
    for name in ("", *within):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return Confinement([source], folder, cpu=watch.cpu, disk=watch.disk, nice=NICE)


def _run(confinement: Confinement, outputs: list[graph.Stream], watch: Watch, seconds: float) -> None:
    work(graph.command(outputs, watch), confinement, watch, seconds)
