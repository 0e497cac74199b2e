"""HLS playlists: what a rung's says, and the master above them, out of what the files really are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.worker.ffmpeg.errors import Broken
from services.worker.ffmpeg.plan import Plan, Rung
from services.worker.ffmpeg.segments import lengths

INDEX = "index.m3u8"
AAC = "mp4a.40.2"


@dataclass(frozen=True, slots=True)
class Playlist:
    """A rendition's segments: their seconds and their bytes."""

    seconds: tuple[float, ...]
    sizes: tuple[int, ...]

    @property
    def length(self) -> float:
        return sum(self.seconds)

    @property
    def peak(self) -> int:
        """The most bits that a segment takes a second."""
        return max(round(size * 8 / seconds) for size, seconds in zip(self.sizes, self.seconds, strict=True))

    @property
    def average(self) -> int:
        return round(sum(self.sizes) * 8 / self.length)


def read(folder: Path) -> Playlist:
    """Read a rendition, and put its lengths right; raise Broken if it is not whole."""
    index = folder / INDEX
    text = index.read_text() if index.exists() else ""
    if not text.rstrip().endswith("#EXT-X-ENDLIST"):
        raise Broken(f"{folder.name}: the playlist is not finished")
    listed = re.findall(r"#EXTINF:([\d.]+),[^\n]*\n([^#\n]+)", text)
    initial = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text)
    sizes = {name: _size(folder / name) for name in [*initial, *(name for _, name in listed)]}
    if not listed or len(initial) != 1 or not all(sizes.values()):
        raise Broken(f"{folder.name}: a segment is missing or empty")
    seconds = lengths([folder / name for _, name in listed])
    if min(seconds) <= 0:
        raise Broken(f"{folder.name}: a segment has no length")
    if (right := _put_right(text, seconds)) != text:
        (folder / f"{INDEX}.new").write_text(right)
        (folder / f"{INDEX}.new").replace(index)
    return Playlist(tuple(round(length, 6) for length in seconds), tuple(sizes[name] for _, name in listed))


def _put_right(text: str, seconds: Sequence[float]) -> str:
    """FFmpeg 5 takes every picture for as long as the others, when it adds up a segment."""
    right = iter(seconds)
    text = re.sub(r"#EXTINF:[\d.]+", lambda _: f"#EXTINF:{next(right):.6f}", text)
    return re.sub(r"#EXT-X-TARGETDURATION:\d+", f"#EXT-X-TARGETDURATION:{max(1, round(max(seconds)))}", text)


def master(plan: Plan, rungs: Sequence[Playlist], audio: Playlist | None, codecs: Sequence[str]) -> str:
    """Return the master playlist, the smallest rung first: with it a player begins."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio is not None:
        media = 'TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"'
        lines.append(f'#EXT-X-MEDIA:{media},URI="audio/{INDEX}"')
    for rung, playlist, codec in reversed(list(zip(plan.rungs, rungs, codecs, strict=True))):
        lines += [f"#EXT-X-STREAM-INF:{_attributes(plan, rung, playlist, audio, codec)}", f"{rung.name}/{INDEX}"]
    return "\n".join(lines) + "\n"


def _attributes(plan: Plan, rung: Rung, playlist: Playlist, audio: Playlist | None, codec: str) -> str:
    heard = (audio.peak, audio.average) if audio is not None else (0, 0)
    attributes = {
        "BANDWIDTH": playlist.peak + heard[0],
        "AVERAGE-BANDWIDTH": playlist.average + heard[1],
        "CODECS": f'"{codec},{AAC}"' if audio is not None else f'"{codec}"',
        "RESOLUTION": f"{rung.width}x{rung.height}",
        "FRAME-RATE": f"{float(plan.rate):.3f}",
    }
    if audio is not None:
        attributes["AUDIO"] = '"audio"'
    return ",".join(f"{name}={value}" for name, value in attributes.items())


def codec_of(initial: Path) -> str:
    """Return the RFC 6381 name of H.264 as this rendition's first file has it: profile, constraints and level."""
    _, found, record = initial.read_bytes().partition(b"avcC\x01")
    if not found or len(record) < 3:
        raise Broken(f"{initial.parent.name}: no H.264")
    return f"avc1.{record[:3].hex().upper()}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
