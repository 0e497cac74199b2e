"""Small films for tests, made by FFmpeg: a clip to upload, and one as it is served when its processing is over."""

import subprocess
from pathlib import Path

from shared.engines.binaries import ffmpeg

#: Moving numbers and a tone.
PICTURE = "testsrc2=size={size}:rate=30:duration={seconds}"
TONE = "sine=frequency=440:duration={seconds}"
H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 60 -sc_threshold 0 -c:a aac -b:a 64k"
HLS = "-f hls -hls_time 2 -hls_playlist_type vod -hls_segment_type fmp4 -hls_flags independent_segments"


def clip(folder: Path, seconds: int = 4, size: str = "640x360") -> Path:
    """Make `folder/clip.mp4`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "clip.mp4"
    inputs = [each for source in (PICTURE, TONE) for each in ("-f", "lavfi", "-i", source)]
    _run(*(each.format(size=size, seconds=seconds) for each in inputs), *H264.split(), "-movflags", "+faststart", made)
    return made


def stream(source: Path, folder: Path) -> None:
    """Make of a clip what is served: `master.m3u8`, `360/`, `audio/`, `video.mp4`."""
    for name in ("360", "audio"):
        (folder / name).mkdir(parents=True)
    one = ["-i", source, "-c", "copy"]
    _run(*one, "-movflags", "+faststart", folder / "video.mp4")
    for name, which in (("360", "0:v"), ("audio", "0:a")):
        names = ["-hls_segment_filename", folder / name / "seg_%05d.m4s", "-hls_fmp4_init_filename", "init.mp4"]
        _run(*one, "-map", which, *HLS.split(), *names, folder / name / "index.m3u8")
    (folder / "master.m3u8").write_text(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",DEFAULT=YES,AUTOSELECT=YES,URI="audio/index.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1500000,RESOLUTION=640x360,CODECS="avc1.42c01e,mp4a.40.2",AUDIO="audio"\n'
        "360/index.m3u8\n"
    )


def poster(source: Path, made: Path) -> None:
    _run("-i", source, "-frames:v", "1", made)


def _run(*arguments: object) -> None:
    subprocess.run(
        [str(ffmpeg()), "-nostdin", "-y", "-loglevel", "error", *map(str, arguments)], check=True, timeout=60
    )
