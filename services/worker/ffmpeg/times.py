"""Numbers as ffprobe writes them: fractions, seconds, rates; it may say anything, and nothing is believed at once."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

FALLBACK = Fraction(30)
ODDEST = 250  # a stated base rate above is a clock's tick, no rate of pictures
NEAR = 0.0002
CLOCK = re.compile(r"(\d{1,6}):(\d\d):(\d\d(?:\.\d{1,12})?)")  # Matroska's tag
#: Tags are the file's own words: of `1e999999999` Python would make a number for hours, and nothing could stop it.
NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,12}|/\d{1,20})?", re.ASCII)


def fraction(text: Any) -> Fraction:
    """Return a number, 0 for none."""
    said = str(text)
    try:
        return Fraction(said) if NUMBER.fullmatch(said) else Fraction(0)
    except ZeroDivisionError:
        return Fraction(0)


def seconds(text: Any) -> float:
    """Return finite seconds, 0 for none."""
    return float(fraction(text))


def length(stream: Mapping[str, Any], begins: float) -> float:
    """Return when a stream ends, counted from the file's first moment; 0 if it does not say.

    `ends`: measured, where it does not.
    """
    if measured := stream.get("ends"):
        return float(measured)
    if own := seconds(stream.get("duration")):
        return max(0.0, seconds(stream.get("start_time")) - begins) + own
    if tagged := CLOCK.match(str(stream.get("tags", {}).get("DURATION", ""))):
        hours, minutes, rest = tagged.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(rest) - begins
    return 0.0


def frame_rate(video: Mapping[str, Any]) -> tuple[Fraction, bool]:
    """Return the rate, and whether every picture is shown for as long."""
    average, base = fraction(video.get("avg_frame_rate")), fraction(video.get("r_frame_rate"))
    if not 0 < base <= ODDEST:
        return average or FALLBACK, False
    if not average:
        return base, False
    near = abs(average - base) <= base * Fraction(NEAR)
    return (base, True) if near else (average.limit_denominator(1001), False)
