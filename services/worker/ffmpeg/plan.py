"""What is to be made of a source: decided once, kept with the video as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Self

SEGMENT = 6  # seconds; every boundary of chunks is a multiple of it
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition: named after its short side, as in `720`."""

    name: str
    width: int
    height: int
    kilobits: int  # the most that it may take a second


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a long video's pictures; times are microseconds from the source's first moment."""

    number: int
    of: int
    start: int
    end: int | None  # None: to the end

    @property
    def first(self) -> bool:
        return self.number == 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What probing found and what follows from it. Width and height are as people see the picture."""

    container: str  # FFmpeg's name for the format; nothing else is tried later
    duration: float  # seconds, of the whole
    video_duration: float
    audio_duration: float | None
    width: int
    height: int
    frame_rate: str  # as played at most 60: "30000/1001"; pictures keep their own times
    source_rate: str  # as the source says
    video_index: int
    audio_index: int | None
    rungs: tuple[Rung, ...]
    interlaced: bool = False
    tone_map: bool = False
    notes: tuple[str, ...] = ()

    @property
    def rate(self) -> Fraction:
        return Fraction(self.frame_rate)

    @property
    def capped(self) -> bool:
        """Whether pictures are left out, because nobody plays so many a second."""
        return self.frame_rate != self.source_rate

    def chunks(self, seconds: float) -> tuple[Chunk, ...]:
        """Cut the pictures into chunks of about `seconds`, none of them short: the last takes what is left."""
        length = max(SEGMENT, round(seconds / SEGMENT) * SEGMENT)
        count = max(1, round(self.video_duration / length))
        ends: list[int | None] = [length * number * MICROSECONDS for number in range(1, count)]
        starts = [0, *ends]
        return tuple(
            Chunk(number, count, start or 0, end)
            for number, (start, end) in enumerate(zip(starts, [*ends, None], strict=True))
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "rungs": [asdict(rung) for rung in self.rungs], "notes": list(self.notes)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        rungs = tuple(Rung(**rung) for rung in kept["rungs"])
        return cls(**{**kept, "rungs": rungs, "notes": tuple(kept["notes"])})
