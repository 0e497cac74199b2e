"""FFmpeg's command lines as graphs, built by ffmpeg-python: we only ever `.compile()` them, and run them ourselves.

No word of a customer is in a command: names are made here, and numbers come out of a plan.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ffmpeg

from services.worker.ffmpeg.capabilities import capabilities
from services.worker.ffmpeg.inputs import address, guarded
from services.worker.ffmpeg.plan import MICROSECONDS, SEGMENT, Chunk, Plan, Rung
from services.worker.ffmpeg.progress import TELL
from services.worker.ffmpeg.watch import Watch

KEY_FRAMES = 2  # seconds apart
BARE = {"map_metadata": -1, "map_chapters": -1}  # titles, places and chapters are the customer's
#: Pictures that come when they like have a finer clock. Each lasts until the next, and none needs a later one to be
#: decoded: else FFmpeg shows the first of a segment at another moment.
FINE = "1/90000"
UNTIL_NEXT = "setts=pts=PTS:dts=DTS:duration='if(gt(NEXT_DTS,DTS),NEXT_DTS-DTS,DURATION)'"
Stream = Any  # ffmpeg-python has no types


def source(path: Path, plan: Plan, watch: Watch, **options: object) -> Stream:
    """Open a source as its plan says, and in no other way."""
    threads = {"threads": watch.threads} if watch.threads else {}
    return ffmpeg.input(address(path), **guarded(plan.container), **threads, **options)


def made(path: Path | str, container: str, **options: object) -> Stream:
    """Open what we have made ourselves."""
    kinds = f"{container},mov" if container != "mov" else container
    return ffmpeg.input(f"file:{path}", f=container, protocol_whitelist="file", format_whitelist=kinds, **options)


def command(outputs: Sequence[Stream], watch: Watch) -> list[str]:
    """Return the words to run."""
    words = ["-hide_banner", "-nostdin", "-loglevel", "error", *TELL, "-y"]
    if watch.threads:
        words += ["-filter_complex_threads", str(watch.threads)]
    compiled: list[str] = ffmpeg.merge_outputs(*outputs).global_args(*words).compile(cmd=str(capabilities().ffmpeg))
    return compiled


def upright(pictures: Stream, plan: Plan, width: int, height: int) -> Stream:
    """Scale to a size as people see it: fields woven, colours that every screen shows. FFmpeg turns it by itself."""
    if plan.interlaced:
        pictures = pictures.filter("bwdif", mode="send_frame", deint="interlaced")
    pictures = pictures.filter("scale", w=width, h=height).filter("setsar", sar=1)
    if plan.tone_map:
        pictures = pictures.filter("zscale", t="linear", npl=100).filter("format", pix_fmts="gbrpf32le")
        pictures = pictures.filter("zscale", p="bt709").filter("tonemap", tonemap="hable", desat=0)
        pictures = pictures.filter("zscale", t="bt709", m="bt709", r="tv")
    return pictures.filter("format", pix_fmts="yuv420p")


def timed(pictures: Stream, plan: Plan, chunk: Chunk | None) -> Stream:
    """Let pictures keep their times, 60 a second at most; the first is shown from the first moment on."""
    lead = float(plan.grid) if chunk is None else chunk.lead / MICROSECONDS
    if chunk is not None and chunk.end is not None:
        pictures = pictures.filter("trim", end=f"{(chunk.end - chunk.start) / MICROSECONDS:.6f}")
    shifted = f"PTS-({lead:.6f})/TB"
    begins = chunk is None or chunk.first
    pictures = pictures.filter("setpts", expr=f"if(eq(N,0),0,{shifted})" if begins else shifted)
    return pictures.filter("fps", fps=plan.frame_rate, start_time=0) if plan.capped else pictures


def cascade(pictures: Stream, plan: Plan) -> list[Stream]:
    """Return the pictures of every rung, each scaled from the one before: 7 % cheaper than each from the source."""
    first = plan.rungs[0]
    current = upright(pictures, plan, first.width, first.height)
    streams = []
    for rung, smaller in zip(plan.rungs, [*plan.rungs[1:], None], strict=True):
        if smaller is None:
            streams.append(current)
        else:
            parts = current.filter_multi_output("split", 2)
            streams.append(parts[0])
            current = parts[1].filter("scale", w=smaller.width, h=smaller.height)
        assert rung
    return streams


def h264(plan: Plan, rung: Rung, watch: Watch, late: float = 0.0) -> dict[str, object]:
    """Return how a rung is encoded: key frames stand at the same moments in all rungs, and in all chunks."""
    rate = plan.rate
    threads = {"threads": watch.threads} if watch.threads else {}
    return {
        "c:v": "libx264",
        "preset": "veryfast",
        "profile:v": "high",
        "crf": 23,
        "maxrate": f"{rung.kilobits}k",
        "bufsize": f"{2 * rung.kilobits}k",
        "force_key_frames": f"expr:gte(t+{late + 0.000001:.6f},n_forced*{KEY_FRAMES})",
        "sc_threshold": 0,
        "fps_mode": "vfr",
        "enc_time_base": f"{rate.denominator}/{rate.numerator}" if plan.constant_rate else FINE,
        "x264-params": f"fps={rate.numerator}/{rate.denominator}",
        **({} if plan.constant_rate else {"bf": 0}),
        **threads,
    }


def aac() -> dict[str, object]:
    """Return how sound is encoded: stereo; silence where it has holes, also before it begins."""
    return {"c:a": "aac", "b:a": "128k", "ac": 2, "ar": 48000, "af": "aresample=async=1:first_pts=0"}


def until_next(plan: Plan) -> dict[str, object]:
    """Return how pictures are put into segments."""
    return {} if plan.constant_rate else {"bsf:v": UNTIL_NEXT}


def hls(stream: Stream, name: str, **options: object) -> Stream:
    """Write a playlist with its segments into `<name>/` of the folder in which FFmpeg runs."""
    return ffmpeg.output(
        stream,
        f"file:{name}/index.m3u8",
        f="hls",
        hls_time=SEGMENT,
        hls_playlist_type="vod",
        hls_segment_type="fmp4",
        hls_flags="independent_segments",
        hls_fmp4_init_filename="init.mp4",
        hls_segment_filename=f"file:{name}/%05d.m4s",
        avoid_negative_ts="disabled",  # else pictures start two later than sound: those the encoder looks ahead
        **BARE,
        **options,
    )
