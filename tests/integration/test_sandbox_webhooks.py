"""The sandbox tells the shop what happened, signed, in any order or twice, and forgets nothing when it is killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from shared.config import SANDBOX_WEBHOOK_SECRET
from shared.ids import new_id
from tests.gateway import a_desk, confirm, error_of, in_the_books
from tests.receiver import Receiver
from tests.sandbox import SandboxProcess, send_mail
from tests.waiting import wait_until


@pytest.fixture
def shop(sandbox: SandboxProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        sandbox.send_webhooks_to(f"{receiver.url}/webhooks/stripe")
        yield receiver
        sandbox.send_webhooks_to(None)


def event_kinds(shop: Receiver) -> list[str]:
    return [json.loads(received.body)["type"] for received in shop.received]


def test_webhooks_are_signed_and_tell_what_happened(shop: Receiver, gateway: stripe.StripeClient) -> None:
    paid = a_desk(gateway, confirm=True)
    gateway.v1.refunds.create({"payment_intent": paid.id})
    gateway.v1.payment_intents.cancel(a_desk(gateway).id)
    error_of(lambda: a_desk(gateway, "pm_card_chargeDeclined", confirm=True), stripe.CardError)

    wait_until(lambda: len(shop.received) == 4)

    for received in shop.received:
        event = stripe.Webhook.construct_event(
            received.body, received.headers["Stripe-Signature"], SANDBOX_WEBHOOK_SECRET
        )
        assert gateway.v1.events.retrieve(event.id).type == event.type
    assert sorted(event_kinds(shop)) == [
        *("charge.refunded", "payment_intent.canceled", "payment_intent.payment_failed", "payment_intent.succeeded"),
    ]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(
            received.body + " ", received.headers["Stripe-Signature"], SANDBOX_WEBHOOK_SECRET
        )


def test_webhooks_can_come_twice_out_of_order_or_not_at_all(
    sandbox: SandboxProcess, shop: Receiver, gateway: stripe.StripeClient
) -> None:
    sandbox.set(webhooks_off=True)
    unheard = a_desk(gateway, confirm=True)
    sandbox.set(webhooks_off=False, webhooks_twice=True)
    twice = a_desk(gateway, confirm=True)
    wait_until(lambda: len(shop.received) == 2)
    assert {json.loads(one.body)["data"]["object"]["id"] for one in shop.received} == {twice.id}
    assert unheard.status == "succeeded"

    sandbox.set(webhooks_twice=False, webhooks_shuffled=True)
    shop.received.clear()
    in_order = [a_desk(gateway, confirm=True).id for _ in range(6)]
    wait_until(lambda: len(shop.received) == 6)
    arrived = [json.loads(one.body)["data"]["object"]["id"] for one in shop.received]
    assert (sorted(arrived), arrived != in_order) == (sorted(in_order), True)


def test_a_refused_webhook_is_tried_again_and_a_dead_shop_hurts_nobody(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    with Receiver(refuse=1) as shop:
        sandbox.send_webhooks_to(shop.url)
        a_desk(gateway, confirm=True)
        wait_until(lambda: len(shop.received) == 1)
        assert shop.refused == 1
    assert a_desk(gateway, confirm=True).status == "succeeded"


def test_kill_minus_9_loses_no_charge_no_key_no_mail_and_no_webhook(tmp_path: Path) -> None:
    with Receiver() as shop, SandboxProcess(tmp_path) as sandbox:
        gateway, key = sandbox.gateway(), str(new_id())
        paid = a_desk(gateway)
        confirm(gateway, paid.id, key)
        waiting = a_desk(gateway)
        sandbox.set(stored_500_before_charging=1, decline=True)
        send_mail(sandbox, to="layla@example.com", message_id="<kept@taboor.example>")

        sandbox.kill()
        sandbox.start()

        assert in_the_books(sandbox, paid.id)["amount_received"] == 750_000
        replayed = confirm(gateway, paid.id, key)
        assert replayed.last_response is not None
        assert replayed.last_response.headers["Idempotent-Replayed"] == "true"
        assert error_of(lambda: confirm(gateway, waiting.id), stripe.APIError).http_status == 500
        error_of(lambda: confirm(gateway, waiting.id), stripe.CardError)
        assert [mail["message_id"] for mail in sandbox.mailbox()] == ["<kept@taboor.example>"]
        sandbox.set(decline=False, webhooks_shuffled=True)
        sandbox.send_webhooks_to(shop.url)
        for _ in range(3):
            a_desk(gateway, confirm=True)
        sandbox.kill()
        sandbox.start()
        wait_until(lambda: len(shop.received) >= 3, 20)
