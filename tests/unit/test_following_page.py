"""The proofs' own judge of what a page was told finds gaps, doubles, what is another's, and what nobody said."""

import pytest

from tests.following_page import Page

FACTS = [3, 5, 8, 9]  # of one order; the channel is joined at 4


def page(*heard: int) -> Page:
    """A page that fetched what was there when it joined, and heard these."""
    joined = Page("private-orders.walnut-desk")
    joined.stand(4)
    joined.now.fetched = {3}
    joined.now.heard = list(heard)
    return joined


def refetched(fetched: set[int], *heard: int) -> Page:
    """The same, told to refetch after its first fact."""
    doubtful = page(5)
    doubtful.doubt().fetched = fetched
    doubtful.now.heard = list(heard)
    return doubtful


@pytest.mark.parametrize("fine", [page(5, 8, 9), refetched({3, 5}, 8, 9), refetched({3, 5, 8}, 8, 9)])
def test_nothing_is_wrong_where_all_was_told(fine: Page) -> None:
    assert fine.faults(FACTS) == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(page(5, 9), id="a gap"),
        pytest.param(page(8, 9), id="not from the beginning"),
        pytest.param(page(5, 8), id="not to the end"),
        pytest.param(page(5, 8, 8, 9), id="twice"),
        pytest.param(page(5, 9, 8), id="not in order"),
        pytest.param(page(5, 7, 8, 9), id="another's"),
        pytest.param(page(3, 5, 8, 9), id="what was before"),
        pytest.param(refetched({3, 5}, 9), id="neither fetched nor heard"),
        pytest.param(refetched({3, 5, 8}), id="the end is missing after fetching"),
        pytest.param(refetched({3, 5, 8, 9}, 8, 8), id="twice after fetching"),
    ],
)
def test_whatever_is_wrong_is_found(wrong: Page) -> None:
    assert wrong.faults(FACTS)


def test_what_is_heard_again_is_dropped_and_counted() -> None:
    heard = page()
    for position in (5, 8, 8, 5, 9):
        heard.hear(position)
    assert (heard.now.heard, heard.repeated) == ([5, 8, 9], 2)
