"""Parts of a file, as `Range` asks for them (RFC 9110, section 14)."""

import re

MOST = 10  # parts in one answer; who wants more gets the whole
UNIT = "bytes="
_RANGE = re.compile(r"(\d{1,19})-(\d{0,19})|-(\d{1,19})", re.ASCII)

#: The first byte, and the one after the last.
Part = tuple[int, int]


class Unsatisfiable(Exception):
    """The file has none of what is asked for."""


def parts(header: str, size: int) -> list[Part] | None:
    """Return what to send, or None for the whole: what cannot be understood is as if it had not been said."""
    if header[: len(UNIT)].lower() != UNIT:
        return None
    said = [each for part in header[len(UNIT) :].split(",") if (each := part.strip(" \t"))]
    wanted = [_RANGE.fullmatch(each) for each in said]
    if not wanted or None in wanted:
        return None
    parsed = [_part(each, size) for each in wanted if each]
    if None in parsed:
        return None
    there = [part for part in parsed if part and part[0] < part[1]]
    if not there:
        raise Unsatisfiable
    together = _together(there)
    chosen = there if len(together) == len(there) else together
    return chosen if len(chosen) <= MOST else None


def _part(said: re.Match[str], size: int) -> Part | None:
    """Return one part, empty if the file has none of it; None if it ends before it begins."""
    first, last, from_the_end = said.groups()
    if from_the_end is not None:
        return max(0, size - int(from_the_end)), size
    begin = int(first)
    if not last:
        return begin, max(begin, size)
    if int(last) < begin:
        return None
    return begin, max(begin, min(int(last) + 1, size))


def _together(some: list[Part]) -> list[Part]:
    """Return them sorted, those that touch as one: a file is not to be sent several times over."""
    merged: list[Part] = []
    for begin, end in sorted(some):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
