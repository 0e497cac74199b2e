"""What the FFmpeg found here can do: read once, so that a plan can say so instead of failing."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from services.worker.ffmpeg.confinement import Confinement
from services.worker.ffmpeg.errors import Trouble
from services.worker.ffmpeg.supervise import ask
from services.worker.ffmpeg.watch import Watch
from shared.config import settings
from shared.engines import binaries

NEEDED = ("libx264", "aac", "mjpeg")
#: Decoders that need a graphics card; FFmpeg's own for AV1 is one, too.
HARDWARE_ONLY = re.compile(r"av1$|.*_(cuvid|qsv|v4l2m2m|mediacodec|videotoolbox)$")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Of one pair of programs."""

    ffmpeg: Path
    ffprobe: Path
    version: str
    decoders: frozenset[str]  # names of codecs that it can read
    encoders: frozenset[str]
    filters: frozenset[str]

    @property
    def tone_maps(self) -> bool:
        """Whether it can show a picture of high dynamic range on every screen."""
        return {"zscale", "tonemap"} <= self.filters


def capabilities() -> Capabilities:
    """Return what the programs of the settings can do; without any there, those of the engines."""
    here = settings()
    return read(Path(here.ffmpeg or binaries.ffmpeg()), Path(here.ffprobe or binaries.ffprobe()))


@lru_cache
def read(ffmpeg: Path, ffprobe: Path) -> Capabilities:
    version, codecs, encoders, filters = (
        ask([str(ffmpeg.absolute()), "-hide_banner", word], Confinement(), Watch(wall=30))[0].decode(errors="replace")
        for word in ("-version", "-codecs", "-encoders", "-filters")
    )
    found = Capabilities(
        ffmpeg=ffmpeg.absolute(),
        ffprobe=ffprobe.absolute(),
        version=version.partition("\n")[0],
        decoders=frozenset(_decoded(codecs)),
        encoders=frozenset(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", encoders, re.MULTILINE)),
        filters=frozenset(re.findall(r"^ [A-Z.]{2,3} (\S+) ", filters, re.MULTILINE)),
    )
    if missing := [name for name in NEEDED if name not in found.encoders]:
        raise Trouble(1, f"{ffmpeg} cannot encode: {', '.join(missing)} missing")
    return found


def _decoded(codecs: str) -> list[str]:
    """Return the codecs of `ffmpeg -codecs` for which there is a decoder that works without a graphics card."""
    rows = re.findall(r"^ D\S{5} (\S+) +(.*)$", codecs, re.MULTILINE)
    names = []
    for codec, description in rows:
        listed = re.search(r"\(decoders: ([^)]*)\)", description)
        decoders = set(listed[1].split()) if listed else {codec}
        if not all(HARDWARE_ONLY.match(name) for name in decoders):
            names.append(codec)
    return names
