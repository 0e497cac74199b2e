"""The card and the customer's change of mind: one charge at most, one outcome, no money kept for nothing."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest

from tests.audited import Tell
from tests.house import LOCKED, Customer, House, Open
from tests.waiting import noticed_that_its_attempt_is_over, wait_until

SLOW = 6000  # milliseconds that the gateway waits before it acts: long enough to freeze somebody and to cancel
SILENCES = (
    "no_answer_after_charging",
    "no_answer_before_charging",
    "stored_500_after_charging",
    "stored_500_before_charging",
)


def place(house: House, customers: Sequence[Customer], *, card: str = "pm_card_visa") -> list[UUID]:
    """Place an order for each, of one thing or another."""
    products = list(house.products().values())
    with ThreadPoolExecutor(8) as crowd:
        places = enumerate(customers)
        return list(crowd.map(lambda it: house.order(it[1], products[it[0] % len(products)], card=card), places))


@pytest.mark.proof
def test_a_declined_card_gives_the_stock_back_and_is_told_once(
    house: House, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    house.plenty()
    # When every second card is declined
    customers = house.customers(scaled(100, 20))
    declined = place(house, customers[::2], card="pm_card_visa_chargeDeclined")
    paid = place(house, customers[1::2])
    house.wait_until_quiet()
    # Then those orders are rejected, hold nothing and were told so once; the others are as they should be
    assert house.statuses(declined) == {"rejected: card_declined": len(declined)}
    assert house.statuses(paid) == {"shipped": len(paid)}
    told = house.sql("select kind, channel from notifications where aggregate_id = any(%s)", declined)
    expected = {("order_rejected", channel): len(declined) for channel in ("mail", "database")}
    assert Counter((row.kind, row.channel) for row in told) == expected
    assert (house.one("select sum(reserved) from products"), house.charged()) == (0, len(paid))
    tell(**house.check(declined + paid))


@pytest.mark.proof
def test_a_charge_without_an_answer_is_made_exactly_once(
    house: House, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    house.plenty()
    number = scaled(50, 5)
    orders: list[UUID] = []
    for silence in SILENCES:
        for forgotten in (False, True):
            # Given a gateway that says nothing useful about the next charges
            house.sandbox.set(**{silence: number})
            orders += place(house, house.customers(number))
            wait_until(partial(house.is_off, silence), 30)
            if forgotten:
                house.sandbox.forget_keys()
            # Then the shop asks instead of guessing
            house.wait_until_quiet()
    assert house.statuses(orders) == {"shipped": len(orders)}
    assert house.charged() == len(orders) == number * len(SILENCES) * 2
    unanswered = house.one("select sum(attempt - 1) from jobs where name = 'charge_payment'")
    tell(unanswered=unanswered, **house.check(orders))
    assert unanswered >= len(orders)


@pytest.mark.proof
def test_a_cancellation_at_any_moment_has_one_outcome_and_keeps_no_money(
    open_house: Open, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    # Given a gateway that takes its time, so that most of an order's life is paying, and parcels that leave soon after
    house = open_house(demo_ships_after_seconds=0.2)
    house.sandbox.set(slow_ms=200)
    number = scaled(400, 60)
    customers, desk = house.customers(number), house.products()["coffee-pot"]
    house.stock("coffee-pot", number)
    waits = [dice.uniform(0, 1) for _ in customers]

    def change_of_mind(customer: Customer, wait: float) -> tuple[UUID, int]:
        order_id = house.order(customer, desk)
        time.sleep(wait)  # this is the moment that is tried, not a hope that something has happened by then
        return order_id, house.cancel(customer, order_id).status_code

    # When each customer orders, and cancels a moment later
    with ThreadPoolExecutor(6) as crowd:  # fewer than there are worker threads
        asked = dict(crowd.map(change_of_mind, customers, waits))
    house.wait_until_quiet(120)
    # Then each whose cancellation was accepted has a cancelled order; the others' parcels had left
    accepted = [order_id for order_id, status in asked.items() if status == 202]
    refused = [order_id for order_id, status in asked.items() if status == 409]
    assert len(accepted) + len(refused) == number
    assert house.statuses(accepted) == {"cancelled: cancelled_by_customer": len(accepted)}
    assert set(house.statuses(refused)) <= {"shipped"}
    # And the gateway kept only what the others paid
    kept = sum(1 for intent in house.sandbox.gateway_summary() if intent["amount_received"] > intent["amount_refunded"])
    assert kept == len(refused)
    how = house.sql(
        "select coalesce(p.status, 'none') as payment from orders o left join payments p on p.order_id = o.id"
    )
    figures = house.check(list(asked))
    tell(
        too_late=len(refused),
        **{f"payment {name}": n for name, n in Counter(row.payment for row in how).items()},
        **figures,
    )


def asked_for_an_intent(house: House, order_id: UUID) -> None:
    """Get to where the charging attempt waits for its intent to be made."""
    wait_until(lambda: house.sql("select 1 from payments where order_id = %s", order_id))


def asked_to_charge(house: House, order_id: UUID) -> None:
    """Get to where the confirmation is on its way: the gateway has it, and does not look at it yet."""
    asked_for_an_intent(house, order_id)
    with house.holding(LOCKED, order_id):
        house.wait_for_lock()
        house.sandbox.set(slow_ms=SLOW)
    wait_until(lambda: house.sql("select 1 from payments where order_id = %s and intent_id is not null", order_id))


@pytest.mark.proof
@pytest.mark.parametrize("reach", [asked_for_an_intent, asked_to_charge])
def test_an_attempt_that_was_frozen_before_the_charge_and_wakes_after_the_cancellation_charges_nothing(
    house: House, tell: Tell, reach: Callable[[House, UUID], None]
) -> None:
    # Given an attempt that waits for the gateway, and freezes
    layla, desk = house.customers(1)[0], house.products()["walnut-desk"]
    house.sandbox.set(slow_ms=SLOW // 2)
    order_id = house.order(layla, desk)
    reach(house, order_id)
    sleeper = house.unit_of(order_id, "charge_payment")
    sleeper.freeze()
    house.sandbox.set(slow_ms=0)  # for those who ask from now on
    # When the customer cancels
    began = time.monotonic()
    assert house.cancel(layla, order_id).status_code == 202
    house.wait_for_status(order_id, "cancelled")
    cancelled = time.monotonic() - began
    # And it wakes up when its lease has run out
    wait_until(lambda: house.sql("select 1 from job_attempts where outcome = 'lost'"))
    assert house.charged() == 0
    sleeper.thaw()
    # Then it is interrupted, or finds at its next step that the job is not its own any more
    wait_until(lambda: noticed_that_its_attempt_is_over(sleeper.said()), 20)
    # And nothing was charged, neither then nor later
    house.wait_until_quiet()
    assert house.charged() == 0
    assert {intent["status"] for intent in house.sandbox.gateway_summary()} <= {"canceled", "requires_confirmation"}
    tell(cancelled_after=cancelled, **house.check([order_id]))
