"""The check-out from the order to the parcel: the ways it goes when nothing breaks."""

import pytest

from services.worker.checkout import check_out
from services.worker.inventory import reserve_stock, settle_inventory
from shared.domain.errors import IllegalMove
from tests.shop import PRICES, Shop

DESK, LAMP = PRICES["walnut-desk"], PRICES["brass-lamp"]


def test_an_order_is_reserved_charged_once_confirmed_and_counted(shop: Shop) -> None:
    # Given two desks and a lamp in the house
    shop.stock(walnut_desk=2, brass_lamp=1)

    # When a customer orders a desk and the lamp
    order = shop.place(walnut_desk=1, brass_lamp=1)
    shop.work()

    # Then the order is confirmed, with its story told in order
    assert shop.status(order) == ("confirmed", None)
    assert shop.facts(order) == ["OrderPlaced", "StockReserved", "OrderConfirmed"]
    # And the pieces are hers, the card is charged once, the day has one order more
    assert (shop.product("walnut-desk"), shop.product("brass-lamp")) == ((2, 1, 0), (1, 1, 0))
    assert shop.charges() == [(DESK + LAMP, 0)]
    assert shop.payment(order).status == "succeeded"
    assert shop.payment(order).doubt is None
    assert shop.sales() == (1, DESK + LAMP, 0, 0)
    assert shop.check_books() == []


def test_a_shipped_orders_pieces_are_sold_once(shop: Shop) -> None:
    # Given a confirmed order of two of three desks
    shop.stock(walnut_desk=3)
    order = shop.place(walnut_desk=2)
    shop.work()

    # When it is shipped, and its inventory settled a second time
    shop.ship(order)
    shop.work()
    shop.again(settle_inventory, order)

    # Then two desks are sold, none is reserved
    assert shop.product() == (1, 0, 2)
    assert shop.order(order).settled_at is not None
    assert shop.check_books() == []


def test_in_the_demo_a_confirmed_order_ships_by_itself(shop: Shop) -> None:
    # Given a confirmed order in the demo, which is where tests live
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.work()
    assert shop.status(order) == ("confirmed", None)

    # When the packing table's delay, and the reservation's, have passed
    shop.let_time_pass()
    shop.work()

    # Then it is shipped: a confirmed order does not expire
    assert shop.status(order) == ("shipped", None)
    assert shop.product() == (0, 0, 1)
    assert shop.check_books() == []


@pytest.mark.parametrize(
    "card",
    [
        "pm_card_visa_chargeDeclined",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "pm_card_chargeDeclinedExpiredCard",
        "pm_card_nobody_ever_heard_of",
    ],
)
def test_a_declined_card_rejects_the_order_and_gives_the_desk_back(shop: Shop, card: str) -> None:
    # Given the last desk
    shop.stock(walnut_desk=1)

    # When it is ordered with a card that the bank, or the gateway, refuses
    order = shop.place(walnut_desk=1, card=card)
    shop.work()

    # Then the order is rejected, which is no failure of any job, and the next customer can have the desk
    assert shop.status(order) == ("rejected", "card_declined")
    assert shop.facts(order) == ["OrderPlaced", "StockReserved", "OrderRejected"]
    assert shop.payment(order).status == "declined"
    assert shop.product() == (1, 0, 0)
    assert (shop.jobs()["charge_payment"], shop.jobs()["confirm_order"]) == ("succeeded", "cancelled")
    # And nobody can try that card again: the intent, if there ever was one, is cancelled
    assert {intent["status"] for intent in shop.intents()} <= {"canceled"}
    assert shop.charges() == []
    assert shop.check_books() == []


def test_an_amount_the_gateway_cannot_take_rejects_the_order(shop: Shop) -> None:
    # Given more desks than any card can pay
    shop.stock(walnut_desk=500)

    # When somebody orders them all
    order = shop.place(walnut_desk=500)
    shop.work()

    # Then it is rejected at once, not tried for a day
    assert shop.status(order) == ("rejected", "card_declined")
    assert shop.payment(order).reason == "amount_too_large"
    assert shop.product() == (500, 0, 0)
    assert shop.check_books() == []


def test_what_is_not_there_is_not_sold_and_nothing_of_the_order_stays_reserved(shop: Shop) -> None:
    # Given enough lamps, but one desk only
    shop.stock(walnut_desk=1, brass_lamp=10)

    # When somebody wants two desks and a lamp
    order = shop.place(walnut_desk=2, brass_lamp=1)
    shop.work()

    # Then all of it is refused, and the check-out says why it ended
    assert shop.status(order) == ("rejected", "out_of_stock")
    assert shop.facts(order) == ["OrderPlaced", "OrderRejected"]
    assert (shop.product("walnut-desk"), shop.product("brass-lamp")) == ((1, 0, 0), (10, 0, 0))
    assert shop.chain_ended() == "not enough walnut-desk in stock"
    assert shop.jobs() == {"reserve_stock": "succeeded", "charge_payment": "cancelled", "confirm_order": "cancelled"}
    assert shop.intents() == []
    assert shop.check_books() == []


def test_a_second_reservation_of_the_same_order_changes_nothing(shop: Shop) -> None:
    # Given an order whose desk is reserved
    shop.stock(walnut_desk=2)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)

    # When the same is asked again
    shop.again(reserve_stock, order)

    # Then it is already so
    assert shop.product() == (2, 1, 0)
    assert shop.facts(order) == ["OrderPlaced", "StockReserved"]


def test_a_second_check_out_of_a_confirmed_order_changes_nothing(shop: Shop) -> None:
    # Given a confirmed order
    shop.stock(walnut_desk=2)
    order = shop.place(walnut_desk=1)
    shop.work()

    # When its check-out is dispatched again
    with shop.writing() as tx:
        check_out.dispatch(tx, order)
    shop.work()

    # Then the new one ends quietly: one charge, one desk, one confirmation
    assert shop.facts(order) == ["OrderPlaced", "StockReserved", "OrderConfirmed"]
    assert shop.charges() == [(DESK, 0)]
    assert shop.product() == (2, 1, 0)
    assert shop.check_books() == []


def test_an_order_that_is_being_cancelled_is_not_shipped(shop: Shop) -> None:
    # Given a confirmed order whose customer has asked to cancel
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.work()
    shop.request_cancellation(order)

    # When the packing table wants to ship it, then it cannot
    with pytest.raises(IllegalMove):
        shop.ship(order)
    # And neither does the demo's own parcel service
    shop.let_time_pass()
    shop.work()
    assert shop.status(order) == ("cancelled", "cancelled_by_customer")
    assert shop.check_books() == []
