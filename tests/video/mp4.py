"""Write MP4 files by hand, with an index that lies: no muxer would."""

from collections.abc import Sequence
from dataclasses import dataclass


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (len(body) + 8).to_bytes(4) + name + body


def full(name: bytes, *parts: bytes) -> bytes:
    """A box with a version and flags, both 0."""
    return box(name, bytes(4), *parts)


def n(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size)


MATRIX = b"".join(map(n, (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)))


@dataclass(frozen=True, slots=True)
class Track:
    """`count` samples that all lie at the same place, each for one of `clock` ticks a second."""

    width: int
    height: int
    count: int
    size: int
    clock: int = 30
    codec: bytes = b"jpeg"
    reference: bytes = b""  # a file elsewhere that holds the samples

    def written(self, number: int, at: int) -> bytes:
        size = n(self.width << 16) + n(self.height << 16)
        header = full(
            b"tkhd", bytes(8), n(number), bytes(4), n(self.count * 1000 // self.clock), bytes(16), MATRIX, size
        )
        media = full(b"mdhd", bytes(8), n(self.clock), n(self.count), bytes(4))
        handler = full(b"hdlr", bytes(4), b"vide", bytes(13))
        place = full(b"dref", n(1), self.reference or box(b"url ", n(1)))
        information = box(b"minf", full(b"vmhd", bytes(8)), box(b"dinf", place), self._table(at))
        return box(b"trak", header, box(b"mdia", media, handler, information))

    def _table(self, at: int) -> bytes:
        shape = bytes(16) + n(self.width, 2) + n(self.height, 2) + n(72 << 16) * 2 + bytes(4) + n(1, 2) + bytes(32)
        entry = box(self.codec, bytes(6), n(1, 2), shape, n(24, 2), b"\xff\xff")
        return box(
            b"stbl",
            full(b"stsd", n(1), entry),
            full(b"stts", n(1), n(self.count), n(1)),
            full(b"stsc", n(1), n(1), n(1), n(1)),
            full(b"stsz", n(self.size), n(self.count)),
            full(b"stco", n(self.count), n(at) * self.count),
        )


def mp4(tracks: Sequence[Track], data: bytes) -> bytes:
    """The whole file: the index follows the data, so that every place is known."""
    kind = box(b"ftyp", b"isom", n(512), b"isommp42")
    length = max(track.count * 1000 // track.clock for track in tracks)
    header = full(b"mvhd", bytes(8), n(1000), n(length), n(1 << 16), n(1 << 8, 2), bytes(10), MATRIX, bytes(24), n(99))
    at = len(kind) + 8
    return kind + box(b"mdat", data) + box(b"moov", header, *(t.written(i, at) for i, t in enumerate(tracks, 1)))
