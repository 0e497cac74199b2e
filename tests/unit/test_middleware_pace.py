"""The pace of a rate: no window holds more starts than it says, and who must wait has a place of its own."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.middleware.pace import LATE, Rate, Used, ask

MORNING = datetime(2026, 3, 1, 9, tzinfo=UTC)
UNUSED = Used(MORNING)


def rate(times: int, seconds: float = 1, burst: int | None = None, key: str = "twilio") -> Rate:
    return Rate.of(key, times, seconds, burst)


def after(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


@given(st.data(), st.integers(1, 30), st.lists(st.floats(0, 0.4), min_size=1, max_size=200))
def test_no_window_holds_more_starts_than_the_rate_says(data: st.DataObject, times: int, pauses: list[float]) -> None:
    # Given a rate with any burst, and jobs that come at any moments
    window = data.draw(st.sampled_from([0.5, 1, 7]))
    limit, used, now = rate(times, window, data.draw(st.integers(1, times))), UNUSED, MORNING
    # When each asks once
    starts = []
    for pause in pauses:
        now += timedelta(seconds=pause)
        changed, place = ask({limit: used}, now)
        used = changed[limit]
        starts += [now] if place is None else []
    # Then no window that begins with a start holds too many
    for first in starts:
        assert sum(first <= start < first + timedelta(seconds=window) for start in starts) <= times


@given(st.integers(1, 50), st.integers(2, 60))
def test_who_comes_when_told_finds_room_and_takes_nobodys_place(times: int, jobs: int) -> None:
    # Given many that come at the same moment
    limit, used, places = rate(times), UNUSED, []
    for _ in range(jobs):
        changed, place = ask({limit: used}, MORNING)
        used = changed[limit]
        places += [place.at] if place else []
    assert len(places) == max(0, jobs - 1 - times // 4)
    # Then no two were told the same moment
    assert all(later - sooner >= limit.gap for sooner, later in pairwise(places))
    # When each comes then, every other one a little late
    for number, place_at in enumerate(places):
        late = LATE * 0.9 if number % 2 else timedelta(0)
        changed, place = ask({limit: used}, place_at + late)
        used = changed[limit]
        # Then it starts
        assert place is None, (number, place)


def test_a_burst_may_start_at_once_and_is_paid_for_by_the_pace() -> None:
    # Given three an hour, of which three may be at once
    limit, used, starts = rate(3, 3600, burst=3), UNUSED, []
    # When somebody asks each minute for three hours
    for minute in range(181):
        changed, place = ask({limit: used}, after(60 * minute))
        used = changed[limit]
        starts += [minute] if place is None else []
    # Then the first three start, and then one in an hour
    assert starts == [0, 1, 2, 60, 120, 180]


def test_nothing_is_used_up_by_who_must_wait() -> None:
    # Given a provider with plenty of room, and a user with none
    provider, user = rate(100), rate(1, 60, key="user:layla")
    rates = {provider: UNUSED, user: Used(after(45))}
    # When layla's job asks
    changed, place = ask(rates, MORNING)
    # Then it waits for her, and the provider's room is as it was
    assert place is not None
    assert (place.rate, place.at) == (user, after(45))
    assert set(changed) == {user}
    assert changed[user].full_at == after(45)


def test_who_must_wait_waits_for_what_takes_longest() -> None:
    slow, slower = rate(1, 60, key="slow"), rate(1, 60, key="slower")
    _, place = ask({slow: Used(after(10)), slower: Used(after(20))}, MORNING)
    assert place is not None
    assert (place.rate, place.at) == (slower, after(20))


def test_a_line_whose_people_have_gone_holds_nobody_up() -> None:
    # Given a line of an hour, all of whose jobs were cancelled
    limit = rate(2, burst=1)
    used = Used(MORNING, line_until=after(3600))
    # When two others come, two seconds later
    changed, first = ask({limit: used}, after(2))
    _, second = ask(changed, after(2))
    # Then one starts and the other waits for as long as the rate wants
    assert first is None
    assert second is not None
    assert second.at == after(2.5)


def test_a_rate_that_lets_nothing_start_is_refused() -> None:
    for times, burst in ((0, None), (3, 4), (3, 0)):
        with pytest.raises(ValueError, match="at once"):
            rate(times, burst=burst)
