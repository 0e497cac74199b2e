"""A minute of 1080p: our pipeline's CPU beside one ffmpeg's that makes all at once; and chunks on two workers."""

import multiprocessing
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.figures import Figure, alternate, ratio
from benchmarks.ground import Ground
from services.worker.ffmpeg.capabilities import capabilities
from services.worker.ffmpeg.finish import finish
from services.worker.ffmpeg.pictures import poster, storyboard
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.probe import probe
from services.worker.ffmpeg.transcode import join, transcode, transcode_audio, transcode_chunk
from services.worker.ffmpeg.watch import Watch

SECONDS = 60
ROUNDS = 2
CHUNK = 6  # seconds: ten of them, so that two workers have as much each
PICTURE = f"testsrc2=size=1920x1080:rate=30:duration={SECONDS},noise=alls=12:allf=t"
TONE = f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"
HLS = "hls_time=6:hls_playlist_type=vod:hls_segment_type=fmp4:hls_flags=independent_segments"


def run(ground: Ground) -> Iterator[Figure]:
    source = ground.folder / "minute.mp4"
    make(source)
    plan = probe(source)
    runs = alternate(
        ROUNDS,
        {
            "ours": lambda: cpu_of(lambda: pipeline(source, ground.folder / "ours")),
            "one": lambda: cpu_of(lambda: at_once(source, plan, ground.folder / "one")),
        },
    )
    yield Figure("one ffmpeg, everything at once", min(runs["one"]), "CPU s")
    yield Figure("probe, pictures, stream, finish", min(runs["ours"]), "CPU s")
    yield Figure("the pipeline / one ffmpeg", ratio(runs["ours"], runs["one"]), "x", aim=1.10, wanted="at most")
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < len({0, 1}):
        yield Figure("two workers / one", None, "x", aim=1.8, note="there is one core only")
        return
    alone = chunked(source, plan, ground.folder / "alone", cores[:1])
    both = chunked(source, plan, ground.folder / "both", cores)
    yield Figure("chunks, one worker on a core", alone[0], "s", note=f"{alone[1]:.1f} s of it CPU")
    yield Figure("chunks, two workers on a core each", both[0], "s", note=f"the busier had {both[1]:.1f} s of CPU")
    yield Figure("two workers / one, if the cores are theirs alone", alone[1] / both[1], "x", aim=1.8)
    yield Figure("two workers / one, by the clock", alone[0] / both[0], "x", note="whoever else is there, slows it")


def make(source: Path) -> None:
    """A picture that moves and is noisy, at 12 Mbit/s."""
    encoder = ["-c:v", "libx264", "-preset", "superfast", "-b:v", "12M", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", TONE]
    ffmpeg(source.parent, *inputs, *encoder, source.name)


def ffmpeg(folder: Path, *words: str) -> None:
    quiet = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    subprocess.run([str(capabilities().ffmpeg), *quiet, *words], cwd=folder, check=True)


def pipeline(source: Path, folder: Path) -> None:
    """All that the jobs of a video do."""
    shutil.rmtree(folder, ignore_errors=True)
    plan = probe(source)
    poster(source, plan, folder / "poster", Watch())
    storyboard(source, plan, folder / "storyboard", Watch())
    transcode(source, plan, folder / "stream", Watch())
    finish(folder / "stream", plan, Watch())


def at_once(source: Path, plan: Plan, folder: Path) -> None:
    """The best single command we know: it reads the source three times, and decodes but key frames for the pictures."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in plan.renditions:
        (folder / name).mkdir(parents=True)
    graph = [
        f"[0:v]scale={plan.rungs[0].width}:{plan.rungs[0].height},format=yuv420p,split[v0][t0]",
        *(
            f"[t{at - 1}]scale={rung.width}:{rung.height}" + (f",split[v{at}][t{at}]" if at < 3 else f"[v{at}]")
            for at, rung in enumerate(plan.rungs[1:], 1)
        ),
        "[1:v]scale=1280:720,thumbnail=24,format=yuvj420p[poster]",
        "[2:v]scale=160:90,fps=1,tile=10x6,format=yuvj420p[board]",
    ]
    inputs = ["-i", str(source), "-ss", "6", "-i", str(source), "-skip_frame", "nokey", "-i", str(source)]
    outputs = [word for at in range(len(plan.rungs)) for word in rendition(plan, at)]
    pictures = ["-map", "[poster]", *jpeg("poster.jpg"), "-map", "[board]", *jpeg("storyboard.jpg")]
    ffmpeg(folder, *inputs, "-filter_complex", ";".join(graph), *outputs, *pictures)


def rendition(plan: Plan, at: int) -> list[str]:
    """One rung; with the largest go the sound and the progressive file, so that nothing is encoded twice."""
    rung = plan.rungs[at]
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "23"]
    encoder += ["-maxrate", f"{rung.kilobits}k", "-bufsize", f"{2 * rung.kilobits}k", "-sc_threshold", "0"]
    encoder += ["-force_key_frames", "expr:gte(t,n_forced*2)"]
    names = f"hls_fmp4_init_filename=init.mp4:hls_segment_filename={rung.name}/%05d.m4s"
    if at:
        muxer = [word for option in f"{HLS}:{names}".split(":") for word in (f"-{option}".split("="))]
        return ["-map", f"[v{at}]", *encoder, "-f", "hls", *muxer, f"{rung.name}/index.m3u8"]
    sound = "hls_fmp4_init_filename=init.mp4:hls_segment_filename=audio/%05d.m4s"
    parts = f"[select=v:f=hls:{HLS}:{names}]{rung.name}/index.m3u8"
    parts += f"|[select=a:f=hls:{HLS}:{sound}]audio/index.m3u8|[f=mp4:movflags=+faststart]video.mp4"
    aac = ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", "-ac", "2"]
    return ["-map", "[v0]", *encoder, *aac, "-flags", "+global_header", "-f", "tee", parts]


def jpeg(name: str) -> list[str]:
    return ["-c:v", "mjpeg", "-q:v", "4", "-frames:v", "1", "-f", "image2", "-update", "1", name]


def cpu_of(work: Callable[[], None]) -> float:
    before = spent()
    work()
    return spent() - before


def spent() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


# --- chunks on workers, each pinned to a core --------------------------------------------


def chunked(source: Path, plan: Plan, folder: Path, cores: list[int]) -> tuple[float, float]:
    """Return how long it took until all was joined: by the clock, and with as much CPU as the busiest worker had."""
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    places = context.Queue()
    for core in cores:
        places.put(core)
    tasks = [*range(len(plan.chunks(CHUNK))), None]  # None: the sound
    busy = dict.fromkeys(cores, 0.0)
    with ProcessPoolExecutor(len(cores), context, initializer=pin, initargs=(places,)) as workers:
        for core, seconds in workers.map(piece, *zip(*((source, folder, task) for task in tasks), strict=True)):
            busy[core] += seconds
    joining = cpu_of(lambda: join(sorted(folder.iterdir()), plan, folder / "stream", Watch(threads=1)))
    return time.monotonic() - began, max(busy.values()) + joining


def pin(places: "multiprocessing.Queue[int]") -> None:
    os.sched_setaffinity(0, {places.get()})


def piece(source: Path, folder: Path, task: int | None) -> tuple[int, float]:
    """Make a chunk, or the sound; return on which core, and its CPU seconds."""
    plan, watch = probe(source), Watch(threads=1)
    (core,) = os.sched_getaffinity(0)
    if task is None:
        return core, cpu_of(lambda: transcode_audio(source, plan, folder / "sound", watch))
    chunk = plan.chunks(CHUNK)[task]
    return core, cpu_of(lambda: transcode_chunk(source, plan, chunk, folder / str(task), watch))
