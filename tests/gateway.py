"""The sandbox's gateway for tests, through the official client: a desk is paid for, and what came of it is read."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from shared.ids import new_id
from tests.sandbox import SandboxProcess


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


@pytest.fixture
def gateway(sandbox: SandboxProcess) -> stripe.StripeClient:
    return sandbox.gateway()
