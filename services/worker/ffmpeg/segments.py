"""How long a segment of fragmented MP4 really is, by its own index: some builds of FFmpeg guess in playlists."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.worker.ffmpeg.errors import Broken

HEAD = 4096  # bytes; the index stands at the beginning


@dataclass(frozen=True, slots=True)
class Index:
    """What a segment's `sidx` box says, in seconds."""

    start: float
    length: float

    @classmethod
    def of(cls, segment: Path) -> Self:
        """Read it: version, flags, reference id, clock, earliest picture, offset, count, then size and length."""
        with segment.open("rb") as file:
            _, found, box = file.read(HEAD).partition(b"sidx")
        wide = box[:1] == b"\x01"
        number = 8 if wide else 4
        starts = 12
        counts = starts + 2 * number + 2
        clock = int.from_bytes(box[8:12])
        if not found or not clock or len(box) < counts + 10:
            raise Broken(f"{segment.parent.name}: a segment has no index")
        start = int.from_bytes(box[starts : starts + number])
        many = int.from_bytes(box[counts : counts + 2])
        entries = (box[counts + 2 + 12 * at :][:12] for at in range(many))
        length = sum(int.from_bytes(entry[4:8]) for entry in entries)
        return cls(start / clock, length / clock)


def lengths(segments: list[Path]) -> list[float]:
    """Return how long each is shown: until the next begins, the last as long as it says."""
    found = [Index.of(segment) for segment in segments]
    return [
        following.start - index.start if following else index.length
        for index, following in zip(found, [*found[1:], None], strict=True)
    ]
