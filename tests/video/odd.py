"""Honest files that are awkward: what phones, cameras, screen recorders and old disks make; and how each is to end."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from services.worker.ffmpeg.capabilities import capabilities
from shared.domain.videos import Refusal
from tests.video.making import AAC, X264, ffmpeg, picture, tone, words

Maker = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be made of it: sizes of the rungs, seconds, pictures; or why it is refused."""

    sizes: tuple[tuple[int, int], ...] = ((320, 240),)
    seconds: float = 2.0
    frames: int = 60
    sound: bool = True
    notes: tuple[str, ...] = ()
    even: bool = True  # every picture is shown for as long
    refused: Refusal | None = None


SILENT = Expected(sound=False)


def made(*groups: list[str] | tuple[str, ...]) -> Maker:
    return lambda path: ffmpeg(*words(*groups), f"file:{path}")


def hdr(transfer: str) -> Maker:
    colours = f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:hdr10=1"
    tags = ["-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc"]
    encoder = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", colours]
    return made(picture(), encoder, tags, ["-tag:v", "hvc1"])


def rotated(path: Path) -> None:
    """A phone held upright: the picture lies, and the file says how to turn it."""
    flat = path.with_name(f"flat-{path.name}")
    ffmpeg(*picture(), *tone(), *X264, *AAC, f"file:{flat}")
    new = int(capabilities().version.removeprefix("ffmpeg version ").lstrip("n").split(".")[0]) >= 6
    turn = (["-display_rotation", "90"], []) if new else ([], ["-metadata:s:v", "rotate=90"])
    ffmpeg(*turn[0], "-i", f"file:{flat}", "-c", "copy", *turn[1], f"file:{path}")


def with_extras(path: Path) -> None:
    subtitles, font = path.with_suffix(".srt"), path.with_suffix(".ttf")
    subtitles.write_text("1\n00:00:00,500 --> 00:00:01,000\nأهلا\n")
    font.write_bytes(b"no font" * 100)
    more = ["-i", str(subtitles), "-map", "0", "-map", "1", "-map", "2", "-map", "3", "-attach", str(font)]
    kinds = ["-metadata:s:t", "mimetype=application/x-truetype-font", "-c:s", "srt"]
    ffmpeg(*picture(), *tone(), *tone(), *more, *X264, *AAC, *kinds, f"file:{path}")


def recorded(path: Path, seconds: float = 2, heard: float | None = None) -> None:
    """As browsers record: into a pipe, so that nothing says how long it is, nor where its key frames are."""
    inputs = [*picture(seconds=seconds), *tone(heard or seconds), *X264, "-g", "60", "-c:a", "libopus"]
    command = [str(capabilities().ffmpeg), "-nostdin", "-v", "error", *inputs, "-f", "matroska", "pipe:1"]
    path.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)


NOISY = ["-vf", "noise=alls=60:allf=t", "-c:v", "mpeg2video", "-q:v", "2"]
UNEVEN = ["-vf", "select='not(mod(n,7))+lt(mod(n,40),10)'", "-fps_mode", "vfr"]
COVER = ["-f", "lavfi", "-i", "color=red:size=300x300:duration=0.04:rate=25", "-map", "0:a", "-map", "1:v"]
AS_COVER = ["-c:v", "mjpeg", "-disposition:v:0", "attached_pic"]
SURROUND = ["-f", "lavfi", "-i", "anoisesrc=d=2:c=pink,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"]
PLACE = "com.apple.quicktime.location.ISO6709=+30.0444+031.2357/"
TAGS = ["-timecode", "01:00:00:00", "-movflags", "use_metadata_tags", "-metadata", PLACE]
TAGS += ["-metadata", "title=walnut secret"]
VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]

ODD: dict[str, tuple[Maker, Expected]] = {
    "landscape-1080p.mp4": (
        made(picture(1920, 1080, seconds=0.5), tone(0.5), X264, AAC),
        Expected(((1920, 1080), (1280, 720), (854, 480), (640, 360)), 0.5, 15),
    ),
    "small.mp4": (made(picture(), tone(), X264, AAC), Expected()),
    "portrait.mp4": (made(picture(406, 720), tone(), X264, AAC), Expected(((360, 638),))),
    "square.mp4": (made(picture(480, 480), tone(), X264, AAC), Expected(((480, 480), (360, 360)))),
    "turned.mp4": (rotated, Expected(((240, 320),))),
    "odd-427x241.mkv": (
        made(picture(427, 241), ["-c:v", "ffv1", "-pix_fmt", "yuv420p"]),
        Expected(((426, 240),), sound=False),
    ),
    "pal-anamorphic.mp4": (
        made(picture(720, 576, "25"), tone(), ["-vf", "setsar=64/45"], X264, AAC),
        Expected(((854, 480), (640, 360)), frames=50),
    ),
    "interlaced.mp4": (
        made(picture(720, 576, "50"), ["-vf", "interlace=scan=tff"], X264, ["-flags", "+ildct+ilme"]),
        Expected(((600, 480), (450, 360)), frames=50, sound=False),
    ),
    "uneven.mp4": (made(picture(seconds=4), tone(4), UNEVEN, X264, AAC), Expected(seconds=4, frames=43, even=False)),
    "120-a-second.mp4": (made(picture(rate="120"), X264), Expected(frames=120, sound=False)),
    "1-a-second.mp4": (made(picture(rate="1", seconds=5), X264), Expected(seconds=5, frames=5, sound=False)),
    "ntsc.mp4": (made(picture(rate="30000/1001"), tone(), X264, AAC), Expected(seconds=2.002)),
    "silent.mp4": (made(picture(), X264), SILENT),
    "sound-only.m4a": (made(tone(), AAC), Expected(refused=Refusal.NO_PICTURE)),
    "sound-with-cover.m4a": (made(tone(), COVER, AAC, AS_COVER), Expected(refused=Refusal.NO_PICTURE)),
    "surround.mp4": (made(picture(), SURROUND, X264, AAC), Expected()),
    "two-languages.mkv": (with_extras, Expected()),
    "one-picture.mp4": (made(picture(), ["-frames:v", "1"], X264), Expected(seconds=1 / 30, frames=1, sound=False)),
    "very-short.mp4": (made(picture(seconds=0.2), tone(0.2), X264, AAC), Expected(seconds=0.2, frames=6)),
    "hdr-pq.mp4": (hdr("smpte2084"), Expected(sound=False, notes=("hdr",))),
    "hdr-hlg.mp4": (hdr("arib-std-b67"), Expected(sound=False, notes=("hdr",))),
    "full-colour.mkv": (
        made(picture(), ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"]),
        SILENT,
    ),
    "prores.mov": (made(picture(), ["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"]), SILENT),
    "vp9.webm": (made(picture(), tone(), VP9, ["-c:a", "libopus"]), Expected()),
    "recorded.webm": (recorded, Expected()),
    "av1.mp4": (made(picture(), tone(), ["-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus"]), Expected()),
    "camera.avi": (made(picture(), tone(), ["-c:v", "mjpeg", "-q:v", "5", "-c:a", "pcm_s16le"]), Expected()),
    "disk.mpg": (
        made(picture(720, 576, "25"), tone(), ["-c:v", "mpeg2video", "-c:a", "mp2"]),
        Expected(((600, 480), (450, 360)), frames=50),
    ),
    "television.ts": (made(picture(), tone(), X264, AAC, ["-output_ts_offset", "12345"]), Expected()),
    "sound-later.mp4": (made(picture(), ["-itsoffset", "1.5"], tone(1), X264, AAC), Expected()),
    # Where there is no index, sound is found when it comes: here later than FFmpeg looks by itself.
    "sound-far-in.mpg": (
        made(picture(320, 240, "25", 10), ["-itsoffset", "8"], tone(1), NOISY, ["-c:a", "mp2"]),
        Expected(seconds=10, frames=250),
    ),
    "sound-stops.flv": (made(picture(seconds=5), tone(1), X264, AAC), Expected(seconds=5, frames=150)),
    "sound-stops.webm": (partial(recorded, seconds=5, heard=1), Expected(seconds=5, frames=150)),
    "picture-stops.webm": (partial(recorded, seconds=2, heard=6), Expected(seconds=2, frames=60)),
    "titled.mov": (
        made(picture(), X264, TAGS),
        SILENT,
    ),
    "fragmented.mp4": (
        made(picture(), tone(), X264, AAC, ["-movflags", "frag_keyframe+empty_moov"]),
        Expected(even=False),
    ),
    "index-first.mp4": (made(picture(), tone(), X264, AAC, ["-movflags", "+faststart"]), Expected()),
    "ليلى 视频 (1).mp4": (made(picture(), X264), SILENT),
    "film.gif": (made(picture(160, 90, "10")), Expected(refused=Refusal.FORMAT)),
}  # fmt: skip
