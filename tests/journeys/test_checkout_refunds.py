"""Money that goes back slowly, unanswered, or not at all: once, before the order is over, and failures are heard."""

import pytest
from structlog.testing import capture_logs

from services.worker.gateway import NoAnswer, Refund, RefundFailed
from services.worker.orders import cancel_order
from services.worker.payments import settle_from_gateway
from services.worker.stripe_gateway import StripeGateway
from tests.shop import PRICES, Shop, use
from tests.waiting import wait_until

DESK = PRICES["walnut-desk"]
CANCELLED = ("cancelled", "cancelled_by_customer")


class DiesAfterRefunding(StripeGateway):
    def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        super().refund(intent_id, amount, key)
        raise NoAnswer("killed before the refund was written down")


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


@pytest.mark.parametrize("trap", ["none", "keys forgotten", "key used up"])
def test_a_refund_without_an_answer_is_given_once(shop: Shop, trap: str) -> None:
    # Given a confirmed order that is cancelled, and a worker that dies with the gateway's answer to the refund
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.work()
    shop.request_cancellation(order)
    use(DiesAfterRefunding.from_settings())
    shop.attempt(cancel_order)
    assert (shop.status(order), shop.product()) == (("confirmed", None), (1, 1, 0))
    assert shop.payment(order).status == "refunding"

    # When the key is as it was, forgotten, or repeats an error for ever
    if trap != "none":
        shop.sandbox.forget_keys()
    if trap == "key used up":
        refund = shop.connection.execute("select id from refunds").fetchone()
        assert refund is not None
        client = shop.sandbox.gateway().v1.payment_intents
        client.create({"amount": 1, "currency": "egp"}, {"idempotency_key": f"refund:{refund.id}"})
    use(StripeGateway.from_settings())
    shop.work()

    # Then there is one refund, and one fact that says so
    assert shop.status(order) == CANCELLED
    assert shop.charges() == [(DESK, DESK)]
    assert [i["refunds"] for i in shop.intents() if i["amount_received"]] == [1]
    assert shop.facts(order).count("PaymentRefunded") == 1
    assert shop.sales() == (1, DESK, 1, DESK)
    assert shop.check_books() == []
