"""How much of a rate is used up: the generic cell rate algorithm, and a line for those who must wait."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Self

LATE = timedelta(seconds=0.25)  # who comes to its place so late still starts: the relay looks as often
STALE = timedelta(seconds=1)  # nobody came for so long: those who stood in line are gone


@dataclass(frozen=True, slots=True)
class Rate:
    """In no window of the rate's length do more start than it says.

    gap: between two starts at a steady pace.
    slack: how far ahead of that pace a burst may be.
    """

    key: str
    gap: timedelta
    slack: timedelta

    @classmethod
    def of(cls, key: str, times: int, seconds: float, burst: int | None = None) -> Self:
        """Whatever may start at once is missing from the pace afterwards: so the window's sum never exceeds `times`.

        burst: unless it is said, what may start in the time by which a job may be late.
        """
        at_once = min(times, 1 + int(times * LATE.total_seconds() / seconds)) if burst is None else burst
        if not 1 <= at_once <= times:
            raise ValueError(f"{key}: {at_once} at once, {times} in all")
        gap = timedelta(microseconds=ceil(seconds * 1_000_000 / (times - at_once + 1)))
        return cls(key, gap, gap * (at_once - 1))


@dataclass(frozen=True, slots=True)
class Used:
    """How far a rate is used up.

    full_at: when all of it is there again.
    line_until: up to when its room is promised to those who wait.
    """

    full_at: datetime
    line_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """When who must wait should come again, and for which rate."""

    rate: Rate
    at: datetime


def ask(rates: Mapping[Rate, Used], now: datetime) -> tuple[dict[Rate, Used], Place | None]:
    """Start, if all of them have room: what becomes of each. Or wait where it takes longest; nothing is used up."""
    places = [Place(rate, _place(rate, used)) for rate, used in rates.items() if _room_at(rate, used) > now]
    if not places:
        return {rate: _start(rate, used, now) for rate, used in rates.items()}, None
    last = max(places, key=lambda place: place.at)
    return {last.rate: replace(rates[last.rate], line_until=last.at + _step(last.rate))}, last


def _room_at(rate: Rate, used: Used) -> datetime:
    return used.full_at - rate.slack


def _place(rate: Rate, used: Used) -> datetime:
    """Return the end of the line: each who waits has a time of its own, and asks once, not again at every gap."""
    room = _room_at(rate, used)
    return max(room, used.line_until or room)


def _step(rate: Rate) -> timedelta:
    return max(rate.gap, rate.gap + LATE - rate.slack)


def _start(rate: Rate, used: Used, now: datetime) -> Used:
    left = used.full_at < now - STALE
    return Used(max(used.full_at, now) + rate.gap, None if left else used.line_until)
