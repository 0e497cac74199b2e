"""A payment's moves: money comes once, goes back once, and nothing final is taken back."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import IllegalMove
from shared.domain.payments import MOVES, WITHOUT_MONEY, PaymentStatus, check_move

statuses = st.sampled_from(PaymentStatus)


@given(statuses, statuses)
def test_a_move_is_made_was_made_already_or_is_refused(status: PaymentStatus, to: PaymentStatus) -> None:
    if status is to:
        assert check_move(status, to) is False
    elif to in MOVES[status]:
        assert check_move(status, to) is True
    else:
        with pytest.raises(IllegalMove, match=f"payment is {status} and cannot become {to}"):
            check_move(status, to)


def test_the_table_is_the_one_of_the_design() -> None:
    made = {f"{status} → {to}" for status, to in product(PaymentStatus, PaymentStatus) if to in MOVES[status]}
    assert made == {
        "pending → succeeded",
        "pending → declined",
        "pending → canceled",
        "succeeded → refunding",
        "refunding → refunded",
    }
    assert {status for status, moves in MOVES.items() if not moves} == WITHOUT_MONEY
