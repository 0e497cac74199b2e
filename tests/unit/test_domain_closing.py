"""The gate's decisions: whatever the two states are, it ends, and never with money or with stock released too early."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.closing import NextStep, next_step
from shared.domain.orders import MOVES, OrderStatus
from shared.domain.payments import WITHOUT_MONEY, PaymentStatus

orders = st.sampled_from(OrderStatus)
endings = st.sampled_from([OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED])
payments = st.sampled_from([None, *PaymentStatus])


@given(orders, endings, payments, st.booleans())
def test_an_order_is_closed_only_when_no_money_can_be_with_us(
    order: OrderStatus, to: OrderStatus, payment: PaymentStatus | None, has_intent: bool
) -> None:
    step = next_step(order, to, payment, has_intent=has_intent)
    if step is NextStep.CLOSE:
        never_charged = payment is None or (payment is PaymentStatus.PENDING and not has_intent)
        assert never_charged or payment in WITHOUT_MONEY


@given(orders, endings, payments, st.booleans())
def test_what_may_not_end_so_is_left_alone(
    order: OrderStatus, to: OrderStatus, payment: PaymentStatus | None, has_intent: bool
) -> None:
    if to not in MOVES[order]:
        assert next_step(order, to, payment, has_intent=has_intent) is NextStep.NOTHING


@given(orders, endings, payments, st.booleans(), st.booleans())
def test_step_by_step_it_comes_to_an_end_whatever_the_gateway_answers(
    order: OrderStatus, to: OrderStatus, payment: PaymentStatus | None, has_intent: bool, charged: bool
) -> None:
    # Given any state, when the gateway's answers are written down and the gate is asked again
    taken = []
    for _ in range(4):
        step = next_step(order, to, payment, has_intent=has_intent)
        taken.append(step)
        if step in (NextStep.NOTHING, NextStep.CLOSE):
            break
        if step is NextStep.CANCEL_INTENT:
            payment = PaymentStatus.REFUNDING if charged else PaymentStatus.CANCELED
        else:
            payment = PaymentStatus.REFUNDED

    # Then there is an end, and nothing was asked twice
    assert taken[-1] in (NextStep.NOTHING, NextStep.CLOSE)
    assert len(set(taken)) == len(taken)


def test_a_paid_order_does_not_expire_but_can_be_cancelled_and_undone() -> None:
    reserved, paid = OrderStatus.RESERVED, PaymentStatus.SUCCEEDED
    assert next_step(reserved, OrderStatus.EXPIRED, paid, has_intent=True) is NextStep.NOTHING
    assert next_step(reserved, OrderStatus.CANCELLED, paid, has_intent=True) is NextStep.REFUND
    assert next_step(reserved, OrderStatus.REJECTED, paid, has_intent=True) is NextStep.REFUND
