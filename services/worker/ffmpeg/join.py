"""From chunks back to one video: nothing is encoded again, and no seam is seen."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from services.worker.ffmpeg import graph
from services.worker.ffmpeg.confinement import NICE, Confinement
from services.worker.ffmpeg.errors import Broken
from services.worker.ffmpeg.plan import AUDIO, CHUNK, MICROSECONDS, Chunk, Plan
from services.worker.ffmpeg.supervise import work
from services.worker.ffmpeg.watch import Watch


def join(parts: Sequence[Path], plan: Plan, folder: Path, watch: Watch) -> None:
    """Make of the folders of all chunks, and of the audio's, in any order, what `transcode` would have made."""
    chunks = _in_order([part for part in parts if (part / CHUNK).exists()])
    for rung in plan.rungs:
        (folder / rung.name).mkdir(parents=True, exist_ok=True)
        (folder / f"{rung.name}.txt").write_text(_list(chunks, rung.name))
    outputs = [
        graph.hls(
            graph.made(f"{rung.name}.txt", "concat", safe=0)["v:0"], rung.name, c="copy", **graph.until_next(plan)
        )
        for rung in plan.rungs
    ]
    reads = [part for part, _ in chunks]
    confinement = Confinement(reads, folder, cpu=watch.cpu, disk=watch.disk, nice=NICE)
    work(graph.command(outputs, watch), confinement, watch, plan.video_duration)
    for rung in plan.rungs:
        (folder / f"{rung.name}.txt").unlink()
    for part in parts:
        if (part / AUDIO).is_dir():
            shutil.copytree(part / AUDIO, folder / AUDIO, copy_function=_link, dirs_exist_ok=True)


def _in_order(parts: Sequence[Path]) -> list[tuple[Path, Chunk]]:
    """Return the chunks' folders with what is in them; all must be there, each once."""
    found = [(part, Chunk(**json.loads((part / CHUNK).read_text()))) for part in parts]
    found.sort(key=lambda one: one[1].number)
    if not found or [chunk.number for _, chunk in found] != list(range(found[0][1].of)):
        raise Broken(f"not all chunks are there: {[chunk.number for _, chunk in found]}")
    return found


def _list(chunks: Sequence[tuple[Path, Chunk]], rung: str) -> str:
    """Return FFmpeg's list of files. Each begins where its chunk begins, whatever the one before says of its length."""
    lines = ["ffconcat version 1.0"]
    for at, (part, chunk) in enumerate(chunks):
        quoted = str(part.absolute() / f"{rung}.mp4").replace("'", r"'\''")
        lines += [f"file 'file:{quoted}'", "inpoint 0"]
        if at + 1 < len(chunks):
            lines.append(f"duration {(chunks[at + 1][1].zero - chunk.zero) / MICROSECONDS:.6f}")
    return "\n".join(lines) + "\n"


def _link(source: str, target: str) -> None:
    """Let a file have a second name; on another volume, copy it."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
