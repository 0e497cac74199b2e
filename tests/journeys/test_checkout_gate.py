"""Cancelled, expired: one gate, exactly one outcome, no money kept, whatever was under way."""

import pytest

from services.worker.inventory import release_stock, reserve_stock
from services.worker.orders import cancel_order, expire_order, expire_unpaid_order
from services.worker.payments import charge_payment
from shared.jobs.job import JobType
from shared.jobs.runner import run
from tests.checkout_steps import (
    CHARGED,
    DESK,
    STEPS,
    Step,
    charged_without_an_answer,
    confirmed,
    known_to_the_gateway,
    paid,
    reserved,
)
from tests.shop import Shop

CANCELLED = ("cancelled", "cancelled_by_customer")


@pytest.mark.parametrize("come_so_far", STEPS)
def test_a_cancellation_at_any_step_leaves_no_money_and_no_stock(shop: Shop, come_so_far: Step) -> None:
    # Given an order whose check-out has come so far
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    come_so_far(shop)

    # When its customer cancels
    shop.request_cancellation(order)
    shop.work()

    # Then it is cancelled, once; what was charged went back, and the desk is free
    assert shop.status(order) == CANCELLED
    assert shop.facts(order).count("OrderCancelled") == 1
    assert shop.charges() == ([(DESK, DESK)] if come_so_far in CHARGED else [])
    assert shop.facts(order).count("PaymentRefunded") == len(shop.charges())
    assert shop.product() == (1, 0, 0)
    assert set(shop.jobs().values()) <= {"succeeded", "cancelled", "scheduled"}
    # And the day's sales only subtract what they had counted
    assert shop.sales() == ((1, DESK, 1, DESK) if come_so_far is confirmed else (0, 0, 0, 0))
    assert shop.check_books() == []


@pytest.mark.parametrize("come_so_far", [reserved, known_to_the_gateway, charged_without_an_answer])
def test_an_unpaid_order_expires_and_its_desk_is_free(shop: Shop, come_so_far: Step) -> None:
    # Given an order that was not paid in time, as far as we know
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    come_so_far(shop)

    # When its time is up
    shop.connection.execute("update jobs set available_at = clock_timestamp() where name = 'expire_order'")
    shop.attempt(expire_order)
    shop.attempt(expire_unpaid_order)
    shop.work()

    # Then it is expired; what turned out to be charged went back
    assert shop.status(order) == ("expired", "not_paid_in_time")
    assert shop.charges() == ([(DESK, DESK)] if come_so_far is charged_without_an_answer else [])
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


def test_a_paid_order_is_confirmed_instead_of_expired(shop: Shop) -> None:
    # Given an order that is paid, its confirmation late
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    paid(shop)

    # When its time is up before it is confirmed
    shop.again(expire_unpaid_order, order)

    # Then it is confirmed, once, and its check-out finds that done
    assert shop.status(order) == ("confirmed", None)
    shop.work()
    assert shop.facts(order) == ["OrderPlaced", "StockReserved", "OrderConfirmed"]
    assert shop.jobs()["confirm_order"] == "succeeded"
    assert shop.charges() == [(DESK, 0)]
    assert shop.check_books() == []


def test_a_paid_order_whose_check_out_is_over_does_not_stay_reserved_for_ever(shop: Shop) -> None:
    # Given an order that is paid, and whose check-out ended there, whatever the reason
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    paid(shop)
    shop.connection.execute("update jobs set state = 'cancelled' where name = 'confirm_order'")

    # When its time is up
    shop.let_time_pass()
    shop.work()

    # Then it is confirmed
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]
    assert shop.check_books() == []


@pytest.mark.parametrize("kind", [cancel_order, expire_unpaid_order, release_stock])
def test_what_has_ended_is_not_ended_again(shop: Shop, kind: JobType) -> None:
    # Given a rejected order and a shipped one
    shop.stock(walnut_desk=2)
    rejected = shop.place(walnut_desk=1, card="pm_card_visa_chargeDeclined")
    shipped = shop.place(walnut_desk=1)
    shop.work()
    shop.ship(shipped)
    shop.work()
    before = (shop.facts(rejected), shop.facts(shipped), shop.product(), shop.charges())

    # When a late job wants to end them
    shop.again(kind, rejected)
    shop.again(kind, shipped)

    # Then it is too late, quietly
    assert (shop.facts(rejected), shop.facts(shipped), shop.product(), shop.charges()) == before
    assert shop.check_books() == []


def test_while_the_outcome_is_unknown_nothing_is_released(shop: Shop) -> None:
    # Given a charge without an answer, and a gateway that is gone
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    charged_without_an_answer(shop)
    shop.sandbox.kill()

    # When the customer cancels and the reservation's time is up
    shop.request_cancellation(order)
    shop.attempt(cancel_order)
    shop.again_whatever_happens(expire_unpaid_order, order)

    # Then nothing is guessed: the desk stays reserved, the order open, and the books say so to the operators
    assert shop.status(order) == ("reserved", None)
    assert shop.product() == (1, 1, 0)
    assert shop.jobs()["cancel_order"] == "scheduled"
    faults = shop.check_books_without_gateway()
    assert any("outcome unknown" in fault for fault in faults)

    # When the gateway is back
    shop.sandbox.start()
    shop.work()

    # Then the money goes back, and only then the desk is free
    assert shop.status(order) == CANCELLED
    assert shop.charges() == [(DESK, DESK)]
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


def test_a_cancellation_waits_for_a_bank_that_is_still_thinking(shop: Shop) -> None:
    # Given a charge that the bank has neither made nor refused
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.sandbox.set(processing_ms=3_000)
    shop.attempt(charge_payment)
    assert [intent["status"] for intent in shop.intents()] == ["processing"]

    # When the customer cancels
    shop.request_cancellation(order)
    shop.attempt(cancel_order)

    # Then nothing is released yet
    assert shop.status(order) == ("reserved", None)
    assert shop.product() == (1, 1, 0)

    # When the bank has charged after all
    shop.work()

    # Then the money went back, and the desk is free
    assert shop.status(order) == CANCELLED
    assert shop.charges() == [(DESK, DESK)]
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


def test_a_cancellation_before_anything_happened_leaves_the_check_out_nothing_to_do(shop: Shop) -> None:
    # Given an order that is cancelled before its check-out has begun
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.request_cancellation(order)
    shop.expand()

    # When the reservation comes first, it leaves the order to the cancellation
    attempts = {attempt.name: attempt for attempt in shop.claim()}
    assert set(attempts) == {"reserve_stock", "cancel_order"}
    run(attempts["reserve_stock"])
    assert shop.status(order) == ("placed", None)
    run(attempts["cancel_order"])
    shop.work()

    # Then it is cancelled, and no desk was ever reserved
    assert shop.status(order) == CANCELLED
    assert shop.facts(order) == ["OrderPlaced", "OrderCancellationRequested", "OrderCancelled"]
    assert shop.intents() == []
    assert shop.check_books() == []
