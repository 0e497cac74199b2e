"""Slots of time: found alike by everybody, one for each day whatever is done to the clocks."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import settings
from shared.jobs.when import When, daily, every

CAIRO = ZoneInfo("Africa/Cairo")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - UTC is added
WHENS = st.sampled_from(
    [every(minutes=1), every(minutes=5), every(hours=1), daily("00:30"), daily("03:00"), daily("23:30")]
)


def cairo(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=CAIRO).astimezone(UTC)  # type: ignore[arg-type,misc]  # year, month, day, hour, minute


def slots(when: When, since: datetime, number: int) -> list[datetime]:
    found = [when.following(since)]
    while len(found) < number:
        found.append(when.following(found[-1]))
    return found


@given(WHENS, MOMENTS)
def test_every_moment_lies_between_two_neighbouring_slots(when: When, at: datetime) -> None:
    latest, following = when.latest(at), when.following(at)
    assert latest <= at < following
    assert when.following(latest) == following
    assert when.latest(following) == following
    assert when.latest(following - timedelta(microseconds=1)) == latest


def test_every_five_minutes_is_at_the_same_minutes_for_everybody() -> None:
    at = datetime(2026, 9, 1, 12, 7, 33, tzinfo=UTC)
    assert every(minutes=5).latest(at) == datetime(2026, 9, 1, 12, 5, tzinfo=UTC)
    assert every(hours=1).following(at) == datetime(2026, 9, 1, 13, 0, tzinfo=UTC)


def test_a_time_of_day_is_the_shops() -> None:
    assert settings().shop_time_zone == "Africa/Cairo"
    # In winter Cairo is two hours ahead of UTC, in summer three
    assert daily("03:00").latest(cairo(2026, 1, 15, 12)) == datetime(2026, 1, 15, 1, 0, tzinfo=UTC)
    assert daily("03:00").latest(cairo(2026, 7, 15, 12)) == datetime(2026, 7, 15, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("at", ["00:30", "03:00", "12:00", "23:30"])
def test_each_day_of_a_year_has_one_slot_also_those_on_which_clocks_are_moved(at: str) -> None:
    # Given a year of Cairo: 24 April begins at 01:00, and 29 October has 23:00 to 24:00 twice
    year = slots(daily(at), cairo(2026, 1, 1) - timedelta(microseconds=1), 365)
    # When
    days = Counter(slot.astimezone(CAIRO).date() for slot in year)
    # Then
    assert len(days) == 365
    assert set(days.values()) == {1}


def test_a_time_that_a_day_leaves_out_is_as_long_after_midnight_as_ever() -> None:
    assert daily("00:30").latest(cairo(2026, 4, 24, 12)) == cairo(2026, 4, 24, 1, 30)


def test_a_time_that_a_day_has_twice_is_the_first() -> None:
    first = datetime(2026, 10, 29, 20, 30, tzinfo=UTC)
    assert [slot.astimezone(CAIRO).strftime("%H:%M") for slot in (first, first + timedelta(hours=1))] == ["23:30"] * 2
    assert list(islice(slots(daily("23:30"), first - timedelta(hours=1), 2), 2)) == [first, cairo(2026, 10, 30, 23, 30)]


def test_they_say_when_they_are() -> None:
    assert [str(every(minutes=1)), str(every(minutes=5)), str(every(hours=1)), str(daily("03:00"))] == [
        "every minute",
        "every 5 minutes",
        "every hour",
        "daily at 03:00 (Africa/Cairo)",
    ]
