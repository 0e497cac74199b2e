"""What is to be made of a source: decided once, kept with the video as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import ceil
from typing import Any, Self

INDEXED = {"mov", "matroska"}
AUDIO = "audio"  # the rendition of sound, beside those named after rungs
CHUNK = "chunk.json"  # beside a chunk's files: which of how many, and when it begins
SEGMENT = 6  # seconds; every boundary of chunks is a multiple of it
MICROSECONDS = 1_000_000
HALF_A_TICK = Fraction(1, 2000)  # many files count milliseconds


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition: named after its short side, as in `720`."""

    name: str
    width: int
    height: int
    kilobits: int  # the most that it may take a second


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a long video's pictures; times are microseconds from the source's first moment.

    Cuts fall between two pictures, so that no rounding puts one on both sides, or on none.
    """

    number: int
    of: int
    start: int  # the cut before it …
    end: int | None  # … and behind it; None: the source's end
    lead: int  # how long after the cut its own moment 0 is
    zero: int  # when that moment is shown
    late: int  # by how much that is later than the multiple of a segment's length

    @property
    def first(self) -> bool:
        return self.number == 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What probing found and what follows from it. Width and height are as people see the picture."""

    container: str  # FFmpeg's name for the format; nothing else is tried later
    duration: float  # seconds, of the whole
    video_duration: float
    audio_duration: float | None  # also of sound that does not say how long it is
    width: int
    height: int
    frame_rate: str  # as played at most 60: "30000/1001"; pictures keep their own times
    source_rate: str  # as the source says
    constant_rate: bool  # every picture is shown for as long
    video_start: float  # seconds after the file's first moment
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
    def renditions(self) -> list[str]:
        """The folders that a stream consists of, the largest rung first."""
        return [*(rung.name for rung in self.rungs), *([AUDIO] if self.audio_index is not None else [])]

    @property
    def capped(self) -> bool:
        """Whether pictures are left out, because nobody plays so many a second."""
        return self.frame_rate != self.source_rate

    @property
    def grid(self) -> Fraction:
        """When pictures of a constant rate stand in the source: at this moment, and every frame from there.

        They are shown by as much earlier, which is less than a frame: people notice sound that is early, not late.
        """
        if self.capped or not self.constant_rate:
            return Fraction(0)
        return Fraction(self.video_start).limit_denominator(MICROSECONDS) % (1 / self.rate)

    def chunks(self, seconds: float) -> tuple[Chunk, ...]:
        """Cut the pictures into chunks of about `seconds`, none of them short: the last takes what is left.

        A format without an index is not cut: there one does not find the picture at a moment.
        """
        length = max(SEGMENT, round(seconds / SEGMENT) * SEGMENT)
        count = max(1, round(self.video_duration / length)) if self.container in INDEXED else 1
        shown = [self._shown(length * number) for number in range(count)]
        cuts = [Fraction(0), *(self.grid + moment - self._lead for moment in shown[1:])]
        return tuple(
            Chunk(
                number,
                of=count,
                start=_microseconds(cuts[number]),
                end=_microseconds(cuts[number + 1]) if number + 1 < count else None,
                lead=_microseconds(self._lead if number else self.grid),
                zero=_microseconds(shown[number]),
                late=_microseconds(shown[number] - length * number),
            )
            for number in range(count)
        )

    def _shown(self, seconds: int) -> Fraction:
        """Return the moment of the first picture at or after this one, or the next best."""
        if seconds == 0 or self.capped:
            return Fraction(seconds)
        if not self.constant_rate:
            return seconds - HALF_A_TICK
        frame = 1 / self.rate
        return frame * ceil(seconds / frame)

    @property
    def _lead(self) -> Fraction:
        """By how much a cut is before the picture."""
        return 1 / Fraction(self.source_rate) / 2 if self.constant_rate else Fraction(0)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "rungs": [asdict(rung) for rung in self.rungs], "notes": list(self.notes)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        rungs = tuple(Rung(**rung) for rung in kept["rungs"])
        return cls(**{**kept, "rungs": rungs, "notes": tuple(kept["notes"])})


def _microseconds(moment: Fraction) -> int:
    return round(moment * MICROSECONDS)
