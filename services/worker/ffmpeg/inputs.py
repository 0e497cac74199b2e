"""The words by which FFmpeg opens a stranger's file: one format, no other file, no network, no great picture."""

from pathlib import Path

#: Without this list a playlist that is named like a video shows other customers' uploads.
CONTAINERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mp3", "wav", "aac", "flac")
STREAMS = 32
PIXELS = 4096 * 2304
SIDE = 8192


def guarded(container: str, *, streams: int = STREAMS + 1, pixels: int = PIXELS) -> dict[str, str | int]:
    """Return input options, for ffmpeg and ffprobe; a demuxer inside the demuxer has them too."""
    return {
        "f": container,
        "protocol_whitelist": "file",
        "format_whitelist": container,
        "max_streams": streams,
        "max_pixels": pixels,
        # Where there is no index, streams are found as they come: whoever reads it must look as far as the first look.
        "probesize": "50M",
        "analyzeduration": "30M",
    }


def address(source: Path) -> str:
    """Return a file's name so that it is never taken for an option or a protocol."""
    return f"file:{source.absolute()}"
