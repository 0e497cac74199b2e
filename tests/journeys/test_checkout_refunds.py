"""Money that goes back slowly, or not at all: nothing is over before the bank has taken it, and failures are heard."""

import pytest
from structlog.testing import capture_logs

from services.worker.gateway import RefundFailed
from services.worker.orders import cancel_order
from services.worker.payments import settle_from_gateway
from tests.shop import PRICES, Shop
from tests.waiting import wait_until

DESK = PRICES["walnut-desk"]
CANCELLED = ("cancelled", "cancelled_by_customer")


@pytest.mark.parametrize("told_by", [cancel_order, settle_from_gateway], ids=["asking again", "a report"])
def test_an_order_is_over_when_the_bank_has_taken_the_money_back(shop: Shop, told_by: object) -> None:
    # Given a confirmed order that is cancelled, and a bank that thinks about refunds
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1, card="pm_card_pendingRefund")
    shop.work()
    shop.request_cancellation(order)

    # When the refund is accepted, and no more
    shop.attempt(cancel_order)

    # Then the order and its desk wait for it, and a report that comes too early changes nothing
    shop.again(settle_from_gateway, shop.payment(order).id)
    assert shop.payment(order).status == "refunding"
    assert (shop.status(order), shop.product()) == (("confirmed", None), (1, 1, 0))
    assert shop.jobs()["cancel_order"] == "scheduled"

    # When the bank has taken it
    intent = shop.payment(order).intent_id
    refunds = shop.sandbox.gateway().v1.refunds
    wait_until(lambda: refunds.list({"payment_intent": intent}).data[0].status == "succeeded")
    if told_by is settle_from_gateway:
        shop.again(settle_from_gateway, shop.payment(order).id)
        assert shop.status(order) == CANCELLED
    shop.work()

    # Then it is cancelled, and the customer is told once
    assert shop.status(order) == CANCELLED
    assert shop.payment(order).status == "refunded"
    assert shop.facts(order).count("PaymentRefunded") == shop.facts(order).count("OrderCancelled") == 1
    assert [intent["refunds"] for intent in shop.intents()] == [1]
    assert shop.check_books() == []


def test_a_refund_that_fails_after_all_calls_operators(shop: Shop) -> None:
    # Given a cancelled order whose refund succeeded
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1, card="pm_card_refundFail")
    shop.work()
    shop.request_cancellation(order)
    shop.work()
    assert (shop.status(order), shop.payment(order).status) == (CANCELLED, "refunded")

    # When the bank changes its mind, and the gateway reports it
    wait_until(lambda: shop.charges() == [(DESK, 0)])
    with capture_logs() as said, pytest.raises(RefundFailed):
        shop.again(settle_from_gateway, shop.payment(order).id)

    # Then operators are called, with the order's id
    called = [(line["alert"], line["order"]) for line in said if "alert" in line]
    assert called == [("refund_failed", str(order))]
