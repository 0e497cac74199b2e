"""What a file's first bytes say it is: FFmpeg's own guess would also try playlists, which read other files."""

from pathlib import Path

LOOK = 4096
TS_PACKETS = ((188, 0), (192, 4))  # length of a packet, and where in it the sync byte stands
ATOMS = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx", b"uuid"}
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
MAGIC = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (ASF, "asf"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"ID3", "mp3"),
    (b"fLaC", "flac"),
)
#: Moving pictures of a kind that is not taken here.
OTHERS = (b"GIF87a", b"GIF89a", b"#EXTM3U", b"ffconcat")


def container(source: Path) -> str | None:
    """Return FFmpeg's name for the format, None if the first bytes are not of one that is taken here."""
    with source.open("rb") as file:
        head = file.read(LOOK)
    if head[4:8] in ATOMS:
        return "mov"
    if head[:4] == b"RIFF":
        return {b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12])
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if any(_syncs(head, length, first) for length, first in TS_PACKETS):
        return "mpegts"
    # Frames of sound: MP3's eleven bits, AAC's twelve.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    return None


def known_otherwise(source: Path) -> bool:
    """Return whether it is a film or a list of films, but of no format that is taken here."""
    with source.open("rb") as file:
        return file.read(LOOK).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(OTHERS)


def _syncs(head: bytes, length: int, first: int) -> bool:
    places = range(first, len(head), length)
    return len(places) > 2 and all(head[at] == 0x47 for at in places)
