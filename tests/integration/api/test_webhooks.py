"""Webhooks: only what is signed is believed, and it is kept and recorded once."""

import json
import time
from typing import Any
from uuid import UUID

import httpx
import pytest
from stripe import WebhookSignature
from twilio.request_validator import RequestValidator

from shared.config import SANDBOX_TWILIO_TOKEN, SANDBOX_WEBHOOK_SECRET
from shared.events.catalogue import CarrierReported, GatewayReported, load
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem


@pytest.fixture
def payment(api: ApiProcess, layla: Customer, products: dict[str, str]) -> UUID:
    """A payment that is under way for an order of Layla's."""
    order = layla.place([{"product_id": products["walnut-desk"], "quantity": 1}]).json()
    payment_id = new_id()
    api.sql(
        "insert into payments (id, order_id, amount, currency, intent_id) values (%s, %s, %s, 'EGP', %s)",
        *(payment_id, UUID(order["id"]), order["total"], f"pi_{payment_id.hex}"),
    )
    return payment_id


def test_what_the_gateway_says_is_kept_once_and_recorded_once(api: ApiProcess, payment: UUID) -> None:
    # Given
    about = {"id": f"pi_{payment.hex}", "object": "payment_intent"}
    told = _told("payment_intent.succeeded", about)
    # When
    answers = [_gateway(api, told) for _ in range(2)]
    # Then
    assert [answer.status_code for answer in answers] == [204, 204]
    (fact,) = _facts(api, payment)
    assert fact == GatewayReported(payment_id=payment, intent_id=f"pi_{payment.hex}", kind="payment_intent.succeeded")
    (kept,) = api.sql("select * from webhooks where external_id = %s", told["id"])
    assert (kept.provider, kept.kind) == ("stripe", "payment_intent.succeeded")
    assert about.items() <= kept.payload["data"]["object"].items()


def test_of_what_is_told_only_that_is_kept_which_we_read(api: ApiProcess, payment: UUID) -> None:
    # Given reports with what opens a payment to others, and with a customer's number and message
    about = {"id": f"pi_{payment.hex}", "object": "payment_intent", "client_secret": "pi_1_secret_walnut"}
    told = _told("payment_intent.succeeded", about)
    sid = f"SM{new_id().hex}"
    # When
    assert _gateway(api, told).status_code == 204
    sms = {"MessageSid": sid, "MessageStatus": "sent", "To": "+201001234567", "Body": "walnut"}
    assert _carrier(api, sms).status_code == 204
    # Then
    rows = api.sql("select payload::text from webhooks where external_id in (%s, %s)", told["id"], f"{sid}:sent")
    assert len(rows) == 2
    assert not [row for row in rows if "walnut" in row.payload or "+20100" in row.payload]


def test_an_intent_that_we_have_not_yet_written_down_is_known_by_what_we_gave_with_it(
    api: ApiProcess, payment: UUID
) -> None:
    about = {"id": "pi_new", "object": "payment_intent", "metadata": {"payment_id": str(payment), "order_id": "x"}}
    assert _gateway(api, _told("payment_intent.created", about)).status_code == 204
    assert [fact.aggregate_id for fact in _facts(api, payment)] == [payment]


def test_a_refund_is_about_its_intent(api: ApiProcess, payment: UUID) -> None:
    about = {"id": "re_1", "object": "refund", "payment_intent": f"pi_{payment.hex}", "metadata": {}}
    assert _gateway(api, _told("refund.updated", about)).status_code == 204
    assert [fact.kind for fact in _facts(api, payment) if isinstance(fact, GatewayReported)] == ["refund.updated"]


def test_what_is_not_about_our_payments_is_kept_and_no_fact(api: ApiProcess) -> None:
    # Given
    facts = api.sql("select count(*) from events")
    told = _told("payment_intent.succeeded", {"id": "pi_anothers", "object": "payment_intent"})
    # When / Then
    assert _gateway(api, told).status_code == 204
    assert _gateway(api, _told("balance.available", {"id": "b", "object": "balance"})).status_code == 204
    assert api.sql("select count(*) from events") == facts
    assert api.sql("select 1 from webhooks where external_id = %s", told["id"])


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "nonsense", "an hour ago", "another secret"])
def test_what_the_gateway_did_not_sign_is_refused(api: ApiProcess, payment: UUID, signature: str) -> None:
    # Given
    body = json.dumps(_told("payment_intent.succeeded", {"id": f"pi_{payment.hex}", "object": "payment_intent"}))
    if signature == "an hour ago":
        signature = _sign(body, SANDBOX_WEBHOOK_SECRET, int(time.time()) - 3600)
    elif signature == "another secret":
        signature = _sign(body, "whsec_another", None)
    # When / Then
    problem(_post(api, body.encode(), signature), 400, "bad_signature")
    assert not _facts(api, payment)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"id": "evt_\\u0000", "type": "x", "data": {}}', "{"])
def test_nonsense_is_refused_even_if_it_is_signed(api: ApiProcess, body: str) -> None:
    problem(_post(api, body.encode(), _sign(body, SANDBOX_WEBHOOK_SECRET, None)), 400, "malformed")


def test_a_body_that_is_not_utf8_is_refused(api: ApiProcess) -> None:
    problem(_post(api, b"\xff", "t=1,v1=00"), 400, "malformed")


def test_a_zero_in_a_description_is_no_obstacle(api: ApiProcess, payment: UUID) -> None:
    about = {"id": f"pi_{payment.hex}", "object": "payment_intent", "description": "a\u0000b"}
    assert _gateway(api, _told("payment_intent.succeeded", about)).status_code == 204
    assert len(_facts(api, payment)) == 1


def test_each_step_that_the_carrier_tells_is_recorded_once(api: ApiProcess) -> None:
    # Given
    notification, sid = new_id(), f"SM{new_id().hex}"
    # When
    for status in ("sent", "delivered", "sent"):
        assert _carrier(api, {"MessageSid": sid, "MessageStatus": status}, f"?notification={notification}").is_success
    # Then the message is not ours yet: known by the carrier's id alone
    rows = api.sql("select * from events where payload ->> 'provider_id' = %s order by seq", sid)
    facts = [load(row.name, row.version, row.payload) for row in rows]
    assert facts == [CarrierReported(notification_id=None, provider_id=sid, status=s) for s in ("sent", "delivered")]
    assert len({fact.aggregate_id for fact in facts}) == 1


@pytest.mark.parametrize("by", ["the address it was given", "the carrier's id"])
def test_a_message_of_ours_is_recognised(api: ApiProcess, layla: Customer, by: str) -> None:
    # Given
    notification, sid = new_id(), f"SM{new_id().hex}"
    api.sql(
        "insert into notifications (id, event_id, kind, channel, user_id, aggregate_id, provider_id)"
        " values (%s, %s, 'order_confirmed', 'sms', %s, %s, %s)",
        *(notification, new_id(), layla.id, new_id(), sid if by == "the carrier's id" else None),
    )
    # When
    query = f"?notification={notification}" if by == "the address it was given" else ""
    assert _carrier(api, {"MessageSid": sid, "MessageStatus": "delivered", "To": "+20100"}, query).status_code == 204
    # Then
    (fact,) = _facts(api, notification)
    assert fact == CarrierReported(notification_id=notification, provider_id=sid, status="delivered")


def test_what_the_carrier_did_not_sign_is_refused(api: ApiProcess) -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    problem(_carrier(api, fields, token="another"), 400, "bad_signature")
    problem(_carrier(api, fields, signature=""), 400, "bad_signature")
    problem(_carrier(api, {"MessageSid": "SM1"}), 400, "malformed")
    problem(_carrier(api, {"MessageSid": "SM\u0000", "MessageStatus": "x"}), 400, "malformed")


def _told(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"evt_{new_id().hex}", "object": "event", "type": kind, "data": {"object": about}}


def _gateway(api: ApiProcess, told: dict[str, Any]) -> httpx.Response:
    body = json.dumps(told)
    return _post(api, body.encode(), _sign(body, SANDBOX_WEBHOOK_SECRET, None))


def _sign(body: str, secret: str, at: int | None) -> str:
    signature: str = WebhookSignature.generate_signature_header(body, secret, at)
    return signature


def _post(api: ApiProcess, body: bytes, signature: str) -> httpx.Response:
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
    return api.http.post("/webhooks/stripe", content=body, headers=headers)


def _carrier(
    api: ApiProcess,
    fields: dict[str, str],
    query: str = "",
    token: str = SANDBOX_TWILIO_TOKEN,
    signature: str | None = None,
) -> httpx.Response:
    path = f"/webhooks/twilio/status{query}"
    right = RequestValidator(token).compute_signature(f"{api.url}{path}", fields)
    headers = {"X-Twilio-Signature": right if signature is None else signature}
    return api.http.post(path, data=fields, headers=headers)


def _facts(api: ApiProcess, aggregate: UUID) -> list[Any]:
    rows = api.sql("select * from events where aggregate_id = %s order by seq", aggregate)
    return [load(row.name, row.version, row.payload) for row in rows]
