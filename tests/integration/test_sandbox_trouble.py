"""Keys, switches and races: the sandbox's gateway makes trouble as the real one does, and charges once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from shared.ids import new_id
from tests.gateway import a_desk, confirm, error_of, in_the_books
from tests.sandbox import SandboxProcess
from tests.waiting import wait_until


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
