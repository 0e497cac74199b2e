"""The pieces' table: whatever moves, nothing appears or disappears."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.inventory import RELEASE, RESERVE, SETTLE, StockMove

moves = st.sampled_from([RESERVE, RELEASE, SETTLE])


@given(st.lists(st.tuples(moves, st.integers(1, 1000)), max_size=20))
def test_on_hand_stays_what_was_received_less_what_was_sold(steps: list[tuple[StockMove, int]]) -> None:
    received = on_hand = 10_000
    sold = 0
    for step, pieces in steps:
        on_hand += step.on_hand * pieces
        sold += step.sold * pieces
    assert on_hand == received - sold


def test_a_reservation_is_given_back_or_sold_and_nothing_of_it_stays_reserved() -> None:
    for end in (RELEASE, SETTLE):
        assert RESERVE.reserved + end.reserved == 0
    assert (RESERVE.on_hand, RELEASE.on_hand, SETTLE.on_hand) == (0, 0, -1)
    assert (RESERVE.sold, RELEASE.sold, SETTLE.sold) == (0, 0, +1)
