"""When a periodic task is due: slots of time that every process finds alike, also on the days when clocks are moved."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from shared.config import settings

A_DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class When(Protocol):
    """The moments, its slots, at which a task is due."""

    def latest(self, at: datetime) -> datetime:
        """Return the last slot that is not after `at`."""

    def following(self, at: datetime) -> datetime:
        """Return the first slot after `at`."""


@dataclass(frozen=True, slots=True)
class Every:
    """At the same distance since 1970: every five minutes is at :00, :05, :10."""

    distance: timedelta

    def latest(self, at: datetime) -> datetime:
        return at - (at - EPOCH) % self.distance

    def following(self, at: datetime) -> datetime:
        return self.latest(at) + self.distance

    def __str__(self) -> str:
        minutes = int(self.distance.total_seconds()) // 60
        number, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
        return f"every {unit}" if number == 1 else f"every {number} {unit}s"


@dataclass(frozen=True, slots=True)
class Daily:
    """Once on each day of the shop's time zone.

    At a time that a day has twice it is the first; where a day leaves it out, it is as long after midnight as ever.
    """

    at: time

    def latest(self, at: datetime) -> datetime:
        return max(slot for slot in self._around(at) if slot <= at)

    def following(self, at: datetime) -> datetime:
        return min(slot for slot in self._around(at) if slot > at)

    def _around(self, at: datetime) -> list[datetime]:
        today = at.astimezone(_zone()).date()
        return [self._on(today + n * A_DAY) for n in (-2, -1, 0, 1, 2)]

    def _on(self, day: date) -> datetime:
        return datetime.combine(day, self.at, _zone()).astimezone(UTC)

    def __str__(self) -> str:
        return f"daily at {self.at:%H:%M} ({settings().shop_time_zone})"


def every(*, minutes: int = 0, hours: int = 0) -> Every:
    return Every(timedelta(minutes=minutes, hours=hours))


def daily(at: str) -> Daily:
    """`daily("03:00")`, by the shop's clock."""
    return Daily(time.fromisoformat(at))


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().shop_time_zone)
