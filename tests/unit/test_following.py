"""What is still whole of a channel, by what Redis has of it and of the bus."""

import pytest

from services.api.following import Span, nothing_missing

LIFE = b"1042"
BUS = Span(first=10, last=20, whole=False)


@pytest.mark.parametrize(("after", "whole"), [(0, False), (8, False), (9, True), (15, True), (20, True), (21, False)])
def test_all_can_be_read_that_the_bus_still_knows(after: int, whole: bool) -> None:
    assert nothing_missing(after, BUS, LIFE, [None]) is whole
    assert nothing_missing(after, BUS, LIFE, [None, Span(first=3, last=19, whole=True)]) is whole


@pytest.mark.parametrize(("after", "whole"), [(9, False), (13, False), (14, True), (20, True)])
def test_of_a_channel_that_was_cut_all_can_be_read_that_comes_after_its_first(after: int, whole: bool) -> None:
    assert nothing_missing(after, BUS, LIFE, [Span(first=14, last=20, whole=False)]) is whole
    assert nothing_missing(after, BUS, LIFE, [None, Span(first=14, last=20, whole=False)]) is whole


@pytest.mark.parametrize(("after", "whole"), [(19, False), (20, True), (21, False)])
def test_of_an_empty_bus_nothing_is_known_but_its_end(after: int, whole: bool) -> None:
    assert nothing_missing(after, Span(first=None, last=20, whole=False), LIFE, [None]) is whole


def test_without_a_bus_or_its_life_nothing_is_known() -> None:
    assert not nothing_missing(0, None, LIFE, [None])
    assert not nothing_missing(15, BUS, None, [None])
