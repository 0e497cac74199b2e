"""What the gateway reports, or has and we do not: it converges on what is true now, in any order, twice or never."""

import os
from collections.abc import Iterator

import pytest
import stripe

from services.worker.inventory import reserve_stock
from services.worker.payments import charge_payment, refund_orphans, settle_from_gateway
from services.worker.stripe_gateway import StripeGateway
from shared.config import settings
from shared.events.catalogue import GatewayReported
from shared.events.record import record
from shared.ids import new_id
from shared.jobs.outcomes import Fail
from shared.jobs.runner import run
from tests.shop import PRICES, Shop, environment

DESK = PRICES["walnut-desk"]


@pytest.fixture(autouse=True)
def address(shop: Shop) -> Iterator[None]:  # noqa: ARG001 - its settings come first
    """Each test's shop has an address of its own: what other tests' shops have charged is none of its business."""
    with environment(PUBLIC_URL=f"http://{new_id()}.localhost"):
        yield


@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "payment_intent.payment_failed", "charge.refunded"])
def test_a_report_settles_what_the_charge_did_not_hear(shop: Shop, kind: str) -> None:
    # Given a charge whose answer was lost
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.sandbox.set(no_answer_after_charging=1)
    shop.attempt(charge_payment)
    payment = shop.payment(order)

    # When the gateway reports, twice, and calls it whatever it likes
    with shop.writing() as tx:
        for _ in range(2):
            record(tx, GatewayReported(payment_id=payment.id, intent_id=payment.intent_id, kind=kind))
    shop.expand()
    for claimed in shop.claim(settle_from_gateway.name):
        run(claimed)

    # Then the payment is what the gateway says it is now, and the check-out goes on from there
    assert (shop.payment(order).status, shop.payment(order).doubt) == ("succeeded", None)
    shop.work()
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]


def test_a_report_of_a_declined_card_rejects_the_order_as_the_charge_would(shop: Shop) -> None:
    # Given a declined charge whose answer was lost
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1, card="pm_card_visa_chargeDeclined")
    shop.attempt(reserve_stock)
    shop.sandbox.set(no_answer_after_charging=1)
    shop.attempt(charge_payment)

    # When the report comes before the next attempt
    shop.again(settle_from_gateway, shop.payment(order).id)

    # Then the order is rejected once, and the check-out ends quietly
    assert shop.status(order) == ("rejected", "card_declined")
    shop.work()
    assert shop.facts(order) == ["OrderPlaced", "StockReserved", "OrderRejected"]
    assert shop.jobs()["charge_payment"] == "succeeded"
    assert shop.jobs()["confirm_order"] == "cancelled"
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


def test_reports_about_what_is_over_or_unknown_are_harmless(shop: Shop) -> None:
    # Given a confirmed order, and a cancelled one whose money went back
    shop.stock(walnut_desk=2)
    kept, cancelled = shop.place(walnut_desk=1), shop.place(walnut_desk=1)
    shop.work()
    shop.request_cancellation(cancelled)
    shop.work()
    before = (shop.facts(kept), shop.facts(cancelled), shop.product())

    # When old reports arrive late, and one about a payment that nobody knows
    for payment in (shop.payment(kept).id, shop.payment(cancelled).id, new_id()):
        shop.again(settle_from_gateway, payment)

    # Then nothing changes
    assert (shop.facts(kept), shop.facts(cancelled), shop.product()) == before
    assert shop.check_books() == []


def test_a_charge_that_no_live_order_owns_is_given_back(shop: Shop) -> None:
    # Given a confirmed order, and a charge under our name that no order here knows: a backup was restored
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.work()
    lost = charged_elsewhere(shop, settings().public_url)
    assert [fault for fault in shop.check_books() if lost.id in fault]

    # When orphans are looked for, twice
    refund_orphans.now()
    refund_orphans.now()

    # Then that money went back, once, and the order's stayed
    returned = {intent["id"]: intent["amount_refunded"] for intent in shop.intents()}
    assert returned == {lost.id: DESK, shop.payment(order).intent_id: 0}
    assert shop.check_books() == []


def test_a_charge_whose_payment_does_not_know_it_yet_is_kept(shop: Shop) -> None:
    # Given a charge, and a backup of the moment before its intent was written down
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.attempt(charge_payment)
    shop.connection.execute("update payments set status = 'pending', intent_id = null, doubt = null")
    shop.connection.execute("update jobs set state = 'scheduled', finished_at = null where name = 'charge_payment'")
    shop.connection.execute("update jobs set state = 'blocked', available_at = created_at where name = 'confirm_order'")

    # When orphans are looked for before the order goes on
    refund_orphans.now()
    shop.work()

    # Then the order is confirmed, and its money is here
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]
    assert shop.check_books() == []


def test_of_many_orphans_nothing_is_given_back_until_a_person_has_looked(shop: Shop) -> None:
    # Given more charges of no live order than chance explains: somebody started the shop on an empty database
    for _ in range(3):
        charged_elsewhere(shop, settings().public_url)
    with environment(REFUND_ORPHANS_AT_MOST="2"):
        # When orphans are looked for
        with pytest.raises(Fail, match="more than 2 charges of no live order"):
            refund_orphans.now()
        # Then all that money stays where it is
        assert shop.charges() == [(DESK, 0)] * 3

    # And when a person lets it, it goes back
    with environment(REFUND_ORPHANS_AT_MOST="3"):
        refund_orphans.now()
    assert shop.charges() == [(DESK, DESK)] * 3


def test_a_charge_of_another_installation_on_the_same_account_is_its_own(shop: Shop) -> None:
    # Given charges of a payment that we do not know: one of our staging shop's, one that says nothing
    for made_by in ("https://staging.taboor.example", None):
        charged_elsewhere(shop, made_by)

    # When orphans are looked for
    refund_orphans.now()

    # Then that money stays where it is
    assert shop.charges() == [(DESK, 0)] * 2


def charged_elsewhere(shop: Shop, made_by: str | None) -> stripe.PaymentIntent:
    """Charge a card for a payment that is not in our database."""
    return shop.sandbox.gateway().v1.payment_intents.create(
        {
            "amount": DESK,
            "currency": "egp",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"payment_id": str(new_id())} | ({"shop": made_by} if made_by else {}),
        }
    )


def test_the_clients_settings_are_those_of_the_environment(shop: Shop) -> None:
    # Given the sandbox's address in the environment
    assert os.environ["STRIPE_API_BASE"] == shop.sandbox.url

    # When an unknown intent is asked for there, then the answer is the gateway's own
    gateway = StripeGateway.from_settings()
    with pytest.raises(Exception, match="No such payment_intent: 'pi_nobody'"):
        gateway.retrieve("pi_nobody")
