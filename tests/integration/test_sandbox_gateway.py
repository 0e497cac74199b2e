"""The sandbox's gateway makes, charges, refunds and lists intents as the real one does, and is no kinder."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests.gateway import a_desk, confirm, error_of, in_the_books
from tests.sandbox import SandboxProcess


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
