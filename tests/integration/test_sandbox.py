"""The sandbox is what the real gateway, carrier and mail server are to the official clients, and no kinder."""

import json
import smtplib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import requests
import stripe
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from shared.config import SANDBOX_TWILIO_TOKEN, SANDBOX_WEBHOOK_SECRET
from shared.ids import new_id
from tests.receiver import Receiver
from tests.sandbox import SandboxProcess
from tests.waiting import wait_until

LAYLA_PHONE, OMAR_PHONE, SHOP_PHONE = "+201001234567", "+201112345678", "+15005550006"


@pytest.fixture
def gateway(sandbox: SandboxProcess) -> stripe.StripeClient:
    return sandbox.gateway()


@pytest.fixture
def shop(sandbox: SandboxProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        sandbox.send_webhooks_to(f"{receiver.url}/webhooks/stripe")
        yield receiver
        sandbox.send_webhooks_to(None)


def a_desk(gateway: stripe.StripeClient, card: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    params: Any = {"amount": 750_000, "currency": "egp", "payment_method": card, "payment_method_types": ["card"]}
    return gateway.v1.payment_intents.create(params | {"metadata": {"order": "walnut-desk"}} | more)


def confirm(gateway: stripe.StripeClient, intent_id: str, key: str | None = None) -> stripe.PaymentIntent:
    return gateway.v1.payment_intents.confirm(intent_id, {}, {"idempotency_key": key or str(new_id())})


def in_the_books(sandbox: SandboxProcess, intent_id: str) -> dict[str, Any]:
    (row,) = [row for row in sandbox.gateway_summary() if row["id"] == intent_id]
    return row


def error_of(act: Callable[[], object], kind: type[stripe.StripeError]) -> Any:
    with pytest.raises(kind) as caught:
        act()
    return caught.value


def test_an_intent_is_created_confirmed_retrieved_and_in_the_books(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    created = a_desk(gateway)
    assert (created.status, created.amount_received) == ("requires_confirmation", 0)

    confirmed = confirm(gateway, created.id)

    assert (confirmed.status, confirmed.amount_received) == ("succeeded", 750_000)
    assert gateway.v1.payment_intents.retrieve(created.id) == confirmed
    row = in_the_books(sandbox, created.id)
    assert (row["status"], row["amount"], row["amount_received"], row["amount_refunded"]) == (
        *("succeeded", 750_000, 750_000),
        0,
    )
    assert row["metadata"] == {"order": "walnut-desk"}


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_a_declined_card_is_a_card_error_and_the_intent_can_be_paid_with_another(
    gateway: stripe.StripeClient, card: str, code: str, decline_code: str
) -> None:
    intent = a_desk(gateway, card)

    error = error_of(lambda: confirm(gateway, intent.id), stripe.CardError)

    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    assert error.error.payment_intent.id == intent.id
    after = gateway.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == decline_code
    paid = gateway.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_mastercard"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_a_decline_at_once_leaves_the_intent_behind(gateway: stripe.StripeClient) -> None:
    error = error_of(lambda: a_desk(gateway, "pm_card_chargeDeclined", confirm=True), stripe.CardError)
    assert gateway.v1.payment_intents.retrieve(error.error.payment_intent.id).status == "requires_payment_method"


def test_succeeded_and_canceled_are_final(gateway: stripe.StripeClient) -> None:
    paid = a_desk(gateway, confirm=True)
    cancelled = gateway.v1.payment_intents.cancel(a_desk(gateway).id)
    assert cancelled.status == "canceled"

    for act in (
        lambda: confirm(gateway, paid.id),
        lambda: gateway.v1.payment_intents.cancel(paid.id),
        lambda: confirm(gateway, cancelled.id),
        lambda: gateway.v1.payment_intents.cancel(cancelled.id),
    ):
        error = error_of(act, stripe.InvalidRequestError)
        assert (error.http_status, error.code) == (400, "payment_intent_unexpected_state")
        assert error.error.payment_intent.status in ("succeeded", "canceled")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payment_method": "pm_card_of_clubs"}, "resource_missing"),
        ({"amount": 0}, "parameter_invalid_integer"),
        ({"amount": 10**9}, "amount_too_large"),
        ({"currency": "zzz"}, None),
        ({"colour": "walnut"}, "parameter_unknown"),
        ({"metadata": {"order": "x" * 501}}, None),
    ],
)
def test_what_the_gateway_would_refuse_is_refused(
    gateway: stripe.StripeClient, change: dict[str, Any], code: str | None
) -> None:
    error = error_of(lambda: a_desk(gateway, **change), stripe.InvalidRequestError)
    assert (error.http_status, error.code) == (400, code)


def test_what_is_not_there_is_missing(gateway: stripe.StripeClient) -> None:
    for act in (
        lambda: gateway.v1.payment_intents.retrieve("pi_of_nobody"),
        lambda: gateway.v1.refunds.retrieve("re_of_nobody"),
        lambda: gateway.v1.events.retrieve("evt_of_nothing"),
    ):
        error = error_of(act, stripe.InvalidRequestError)
        assert (error.http_status, error.code) == (404, "resource_missing")


def test_a_wrong_key_is_turned_away(sandbox: SandboxProcess) -> None:
    stranger = sandbox.gateway(api_key="sk_test_somebody_else")
    assert error_of(lambda: a_desk(stranger), stripe.AuthenticationError).http_status == 401


def test_refunds_never_exceed_what_was_received(sandbox: SandboxProcess, gateway: stripe.StripeClient) -> None:
    paid = a_desk(gateway, confirm=True)
    first = gateway.v1.refunds.create({"payment_intent": paid.id, "amount": 250_000})

    too_much = lambda: gateway.v1.refunds.create({"payment_intent": paid.id, "amount": 500_001})  # noqa: E731 - an act
    assert error_of(too_much, stripe.InvalidRequestError).param == "amount"
    rest = gateway.v1.refunds.create({"payment_intent": paid.id})
    again = error_of(lambda: gateway.v1.refunds.create({"payment_intent": paid.id}), stripe.InvalidRequestError)

    assert (first.status, rest.amount, again.code) == ("succeeded", 500_000, "charge_already_refunded")
    assert in_the_books(sandbox, paid.id)["amount_refunded"] == 750_000
    assert [one.id for one in gateway.v1.refunds.list({"payment_intent": paid.id}).data] == [rest.id, first.id]
    assert gateway.v1.refunds.retrieve(first.id).amount == 250_000


def test_what_was_not_paid_cannot_be_refunded(gateway: stripe.StripeClient) -> None:
    unpaid = a_desk(gateway)
    error_of(lambda: gateway.v1.refunds.create({"payment_intent": unpaid.id}), stripe.InvalidRequestError)


def test_intents_are_listed_by_pages_and_by_time(gateway: stripe.StripeClient) -> None:
    mine = [a_desk(gateway).id for _ in range(5)]
    since: Any = {"created": {"gte": gateway.v1.payment_intents.retrieve(mine[0]).created}, "limit": 2}

    pages = list(gateway.v1.payment_intents.list(since).auto_paging_iter())

    assert [one.id for one in pages][:5] == mine[::-1]
    future: Any = {"created": {"gte": int(datetime.now(UTC).timestamp()) + 60}}
    assert gateway.v1.payment_intents.list(future).data == []


def test_the_same_key_replays_the_first_answer_and_refuses_another_request(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    key: Any = {"idempotency_key": f"payment:{new_id()}:create"}
    params: Any = {"amount": 900, "currency": "egp", "payment_method": "pm_card_visa", "metadata": {"lamp": "1"}}
    first = gateway.v1.payment_intents.create(params, key)
    second = gateway.v1.payment_intents.create(params, key)

    assert second.id == first.id
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    other = lambda: gateway.v1.payment_intents.create(params | {"amount": 901}, key)  # noqa: E731 - an act
    assert error_of(other, stripe.IdempotencyError).http_status == 400
    sandbox.forget_keys()
    assert gateway.v1.payment_intents.create(params, key).id != first.id


def test_a_decline_is_replayed_too_but_a_mistake_leaves_the_key_unused(gateway: stripe.StripeClient) -> None:
    broke, key = a_desk(gateway, "pm_card_chargeDeclinedInsufficientFunds"), str(new_id())
    for _ in range(2):
        error = error_of(lambda: confirm(gateway, broke.id, key), stripe.CardError)
    assert error.headers["Idempotent-Replayed"] == "true"

    unused: Any = {"idempotency_key": str(new_id())}
    error_of(lambda: gateway.v1.payment_intents.create({"amount": -1, "currency": "egp"}, unused), stripe.StripeError)
    assert gateway.v1.payment_intents.create({"amount": 1, "currency": "egp"}, unused).amount == 1


def test_a_key_in_use_is_a_conflict_and_nothing_happens_twice(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    intent, key = a_desk(gateway), str(new_id())
    sandbox.set(slow_ms=700)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: status_of(lambda: confirm(gateway, intent.id, key)), range(2)))

    assert sorted(outcomes) == ["409 idempotency_key_in_use", "succeeded"]


@pytest.mark.parametrize("forget", [False, True])
def test_no_answer_after_charging_is_a_connection_error_and_one_charge(
    sandbox: SandboxProcess, gateway: stripe.StripeClient, forget: bool
) -> None:
    intent, key = a_desk(gateway), str(new_id())
    sandbox.set(no_answer_after_charging=1)

    error_of(lambda: confirm(gateway, intent.id, key), stripe.APIConnectionError)

    assert gateway.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    if forget:
        sandbox.forget_keys()
        again = error_of(lambda: confirm(gateway, intent.id, key), stripe.InvalidRequestError)
        assert again.code == "payment_intent_unexpected_state"
    else:
        assert confirm(gateway, intent.id, key).status == "succeeded"
    assert in_the_books(sandbox, intent.id)["amount_received"] == 750_000


def test_no_answer_before_charging_is_a_connection_error_and_no_charge(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    intent, key = a_desk(gateway), str(new_id())
    sandbox.set(no_answer_before_charging=2)

    for _ in range(2):
        error_of(lambda: confirm(gateway, intent.id, key), stripe.APIConnectionError)

    assert in_the_books(sandbox, intent.id)["amount_received"] == 0
    assert confirm(gateway, intent.id, key).status == "succeeded"


@pytest.mark.parametrize(
    ("switch", "received"), [("stored_500_after_charging", 750_000), ("stored_500_before_charging", 0)]
)
def test_a_stored_500_is_replayed_for_ever(
    sandbox: SandboxProcess, gateway: stripe.StripeClient, switch: str, received: int
) -> None:
    intent, key = a_desk(gateway), str(new_id())
    sandbox.set(**{switch: 1})

    first, second = (error_of(lambda: confirm(gateway, intent.id, key), stripe.APIError) for _ in range(2))

    assert (first.http_status, second.http_status) == (500, 500)
    assert ("Idempotent-Replayed" in first.headers, "Idempotent-Replayed" in second.headers) == (False, True)
    assert in_the_books(sandbox, intent.id)["amount_received"] == received


def test_every_card_is_declined_while_the_switch_is_on(sandbox: SandboxProcess, gateway: stripe.StripeClient) -> None:
    sandbox.set(decline=True)
    assert error_of(lambda: a_desk(gateway, confirm=True), stripe.CardError).code == "card_declined"
    sandbox.set(decline=False)
    assert a_desk(gateway, confirm=True).status == "succeeded"


def test_a_slow_gateway_is_slower_than_the_client_waits_and_charges_all_the_same(sandbox: SandboxProcess) -> None:
    hasty = sandbox.gateway(timeout=0.2)
    intent = a_desk(hasty)
    sandbox.set(slow_ms=500)
    error_of(lambda: confirm(hasty, intent.id), stripe.APIConnectionError)
    assert in_the_books(sandbox, intent.id)["amount_received"] == 0

    wait_until(lambda: in_the_books(sandbox, intent.id)["amount_received"] == 750_000)


def test_a_processing_payment_cannot_be_cancelled_and_succeeds_in_the_end(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    sandbox.set(processing_ms=400)
    intent = a_desk(gateway, confirm=True)
    assert intent.status == "processing"
    error_of(lambda: gateway.v1.payment_intents.cancel(intent.id), stripe.InvalidRequestError)

    wait_until(lambda: gateway.v1.payment_intents.retrieve(intent.id).status == "succeeded")


def test_cancel_and_confirm_at_once_have_exactly_one_outcome(
    sandbox: SandboxProcess, gateway: stripe.StripeClient
) -> None:
    winners = set()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            intent, gate = a_desk(gateway), threading.Barrier(2)
            acts = (lambda i=intent.id: confirm(gateway, i), lambda i=intent.id: gateway.v1.payment_intents.cancel(i))
            outcomes = sorted(pool.map(lambda act, gate=gate: (gate.wait(), status_of(act))[1], acts))
            final = in_the_books(sandbox, intent.id)
            assert outcomes == ["400 payment_intent_unexpected_state", final["status"]]
            assert final["amount_received"] == (750_000 if final["status"] == "succeeded" else 0)
            winners.add(final["status"])
    assert winners <= {"succeeded", "canceled"}


def status_of(act: Callable[[], stripe.PaymentIntent]) -> str:
    try:
        return str(act().status)
    except stripe.StripeError as error:
        return f"{error.http_status} {error.code or (error.error and error.error.code)}"


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


def test_an_sms_is_sent_listed_fetched_and_in_the_mailbox(sandbox: SandboxProcess) -> None:
    carrier, before = sandbox.carrier(), datetime.now(UTC)
    body = f"طلبك رقم #1042 اتأكد! {new_id()}"
    sent = carrier.messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body=body)

    assert (sent.status, sent.date_sent, sent.num_segments) == ("queued", None, "1")
    wait_until(lambda: carrier.messages(str(sent.sid)).fetch().status == "delivered")
    found = carrier.messages.list(to=LAYLA_PHONE, date_sent_after=before)
    assert [one.sid for one in found if one.body == body] == [sent.sid]
    assert carrier.messages.list(to=LAYLA_PHONE, date_sent_after=before + timedelta(minutes=1)) == []
    (letter,) = sandbox.mailbox(to=LAYLA_PHONE, channel="sms")
    assert (letter["text"], letter["message_id"]) == (body, sent.sid)


def test_the_carriers_list_has_pages(sandbox: SandboxProcess) -> None:
    carrier = sandbox.carrier()
    sent = [carrier.messages.create(to=OMAR_PHONE, from_=SHOP_PHONE, body=f"part {n}").sid for n in range(7)]
    assert [one.sid for one in carrier.messages.list(to=OMAR_PHONE, page_size=3)][:7] == sent[::-1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "0100 123 4567"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550004"}, 21610),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+201009999999"}, 21606),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"status_callback": "not a url"}, 21609),
    ],
)
def test_what_the_carrier_would_refuse_is_refused(sandbox: SandboxProcess, change: dict[str, str], code: int) -> None:
    message: Any = {"to": LAYLA_PHONE, "from_": SHOP_PHONE, "body": "مرحبا"} | change
    with pytest.raises(TwilioRestException) as caught:
        sandbox.carrier().messages.create(**message)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert sandbox.mailbox() == []


def test_the_carrier_knows_its_customers(sandbox: SandboxProcess) -> None:
    with pytest.raises(TwilioRestException) as caught:
        sandbox.carrier(token="guessed").messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="hello")
    assert (caught.value.status, caught.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as missing:
        sandbox.carrier().messages("SM_of_nobody").fetch()
    assert missing.value.status == 404


def test_status_callbacks_are_signed_and_say_queued_sent_delivered(sandbox: SandboxProcess) -> None:
    with Receiver() as shop:
        url = f"{shop.url}/webhooks/twilio?notification=7"
        sent = sandbox.carrier().messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="ok", status_callback=url)
        wait_until(lambda: len(shop.received) == 3)

    validator = RequestValidator(SANDBOX_TWILIO_TOKEN)
    forms = [{name: values[0] for name, values in parse_qs(one.body).items()} for one in shop.received]
    for form, received in zip(forms, shop.received, strict=True):
        assert validator.validate(url, form, received.headers["X-Twilio-Signature"])
        assert not validator.validate(url, form | {"To": OMAR_PHONE}, received.headers["X-Twilio-Signature"])
    assert {form["MessageStatus"] for form in forms} == {"queued", "sent", "delivered"}
    assert {form["MessageSid"] for form in forms} == {sent.sid}


def test_a_carrier_that_is_down_sends_nothing(sandbox: SandboxProcess) -> None:
    sandbox.set(sms_down=True)
    with pytest.raises(TwilioRestException) as caught:
        sandbox.carrier().messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="hello")
    assert (caught.value.status, sandbox.mailbox()) == (503, [])


def test_a_carrier_that_does_not_answer_has_sent_it_and_can_be_asked(sandbox: SandboxProcess) -> None:
    carrier, body = sandbox.carrier(), f"once {new_id()}"
    sandbox.set(sms_no_answer_after_sending=1)
    with pytest.raises(requests.ConnectionError):
        carrier.messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body=body)
    assert [one.body for one in carrier.messages.list(to=LAYLA_PHONE, limit=1)] == [body]
    assert sandbox.mailbox_counts()["sms"] == {"messages": 1, "copies": 0}


def send_mail(sandbox: SandboxProcess, *, to: str, message_id: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Taboor <shop@taboor.example>", to, "طلبك رقم #1042 اتأكد"
    mail["Message-ID"] = message_id
    mail.set_content("أهلا ليلى")
    mail.add_alternative("<p>أهلا <b>ليلى</b><script>alert(1)</script></p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        server.send_message(mail)


def test_a_mail_is_in_the_mailbox_with_all_its_parts_and_doubles_are_counted(sandbox: SandboxProcess) -> None:
    send_mail(sandbox, to="omar@example.com", message_id="<one@taboor.example>")
    for _ in range(2):
        send_mail(sandbox, to="layla@example.com", message_id="<two@taboor.example>")

    newest, _, oldest = sandbox.mailbox(channel="mail")
    assert (oldest["to"], newest["to"]) == ("omar@example.com", "layla@example.com")
    assert (newest["subject"], newest["text"].strip()) == ("طلبك رقم #1042 اتأكد", "أهلا ليلى")
    assert "<b>ليلى</b>" in newest["html"]
    assert newest["message_id"] == "<two@taboor.example>"
    assert sandbox.mailbox(to="omar@example.com") == [oldest]
    assert sandbox.mailbox_counts()["mail"] == {"messages": 3, "copies": 1}


def test_a_mail_in_an_old_or_unknown_charset_arrives_all_the_same(sandbox: SandboxProcess) -> None:
    head = b"Subject: =?windows-1256?B?x+Hj3Obq?=\r\nContent-Type: text/plain; charset="
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        for charset, text in ((b"windows-1256", "مرحبا".encode("windows-1256")), (b"klingon", "مرحبا".encode())):
            server.sendmail("a@taboor.example", ["l@example.com", "o@example.com"], head + charset + b"\r\n\r\n" + text)
    assert [(mail["to"], mail["text"].strip()) for mail in sandbox.mailbox()] == [
        *(("o@example.com", "مرحبا"), ("l@example.com", "مرحبا")) * 2,
    ]


def test_a_mail_server_that_is_down_refuses_for_now(sandbox: SandboxProcess) -> None:
    sandbox.set(smtp_down=True)
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        send_mail(sandbox, to="layla@example.com", message_id="<late@taboor.example>")
    assert (caught.value.smtp_code, sandbox.mailbox()) == (451, [])


def test_a_person_can_read_the_mailbox_and_no_mail_can_run_a_script(sandbox: SandboxProcess) -> None:
    send_mail(sandbox, to="layla@example.com", message_id="<read@taboor.example>")
    sandbox.carrier().messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="<script>alert(2)</script>")
    page = httpx.get(f"{sandbox.url}/mailbox.html", trust_env=False)
    assert "اتأكد" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_switch_that_is_not_there_or_cannot_be_so_is_refused_and_nothing_is_turned(sandbox: SandboxProcess) -> None:
    for wrong in (
        {"gravity": True},
        {"decline": 3},
        {"slow_ms": -1},
        {"slow_ms": True},
        {"decline": True, "x": 1},
        [1],
    ):
        answer = httpx.put(f"{sandbox.url}/switches", json=wrong, trust_env=False)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert not any(httpx.get(f"{sandbox.url}/switches", trust_env=False).json().values())
    table = httpx.get(f"{sandbox.url}/switches/table", trust_env=False).json()
    assert all(row["does"] and row["expect"] and row["takes"] for row in table)
