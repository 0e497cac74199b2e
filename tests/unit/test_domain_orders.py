"""An order's moves: the table is all there is."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import IllegalMove
from shared.domain.orders import CANCELLABLE, ENDED, HOLDS_STOCK, MOVES, OrderStatus, check_move, check_shipment

statuses = st.sampled_from(OrderStatus)


@given(statuses, statuses)
def test_a_move_is_made_was_made_already_or_is_refused(status: OrderStatus, to: OrderStatus) -> None:
    if status is to:
        assert check_move(status, to) is False
    elif to in MOVES[status]:
        assert check_move(status, to) is True
    else:
        with pytest.raises(IllegalMove, match=f"order is {status} and cannot become {to}"):
            check_move(status, to)


@given(st.lists(statuses, max_size=12))
def test_whatever_is_asked_an_order_ends_at_most_once(asked: list[OrderStatus]) -> None:
    # Given a new order, when it is asked to move anywhere in any order
    status, ends = OrderStatus.PLACED, []
    for to in asked:
        try:
            moved = check_move(status, to)
        except IllegalMove:
            continue
        if moved:
            status = to
            ends += [to] if to in ENDED else []

    # Then it came to one end, or is not there yet
    assert len(ends) == (status in ENDED)


def test_the_table_is_the_one_of_the_design() -> None:
    made = {f"{status} → {to}" for status, to in product(OrderStatus, OrderStatus) if to in MOVES[status]}
    assert made == {
        "placed → reserved",
        "placed → rejected",
        "placed → cancelled",
        "reserved → confirmed",
        "reserved → rejected",
        "reserved → cancelled",
        "reserved → expired",
        "confirmed → shipped",
        "confirmed → cancelled",
    }
    assert {"placed", "reserved", "confirmed"} == CANCELLABLE
    assert {"shipped", "rejected", "cancelled", "expired"} == ENDED
    assert {"reserved", "confirmed"} == HOLDS_STOCK


def test_an_order_that_is_being_cancelled_is_not_packed() -> None:
    assert check_shipment(OrderStatus.CONFIRMED, cancel_requested=False) is True
    assert check_shipment(OrderStatus.SHIPPED, cancel_requested=True) is False
    for status, wish in ((OrderStatus.CONFIRMED, True), (OrderStatus.RESERVED, False)):
        with pytest.raises(IllegalMove):
            check_shipment(status, cancel_requested=wish)
