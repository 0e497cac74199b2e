"""Payment intents: created, confirmed once, or cancelled; `succeeded` and `canceled` are final."""

import asyncio
import json
import time
from typing import Any

from services.sandbox import cards, events, forms
from services.sandbox.gateway_errors import Answer, Body, GatewayError, invalid, missing, refused
from services.sandbox.world import World
from shared.ids import new_id
from shared.money import MINOR_DIGITS

LARGEST_AMOUNT = 99_999_999
# Accepted as the gateway accepts them; what is not named in this module's code changes nothing here.
CREATE_FIELDS = (
    *("amount", "currency", "payment_method", "payment_method_types", "automatic_payment_methods", "metadata"),
    *("confirm", "return_url", "description", "receipt_email", "off_session", "capture_method", "statement_descriptor"),
)
CONFIRM_FIELDS = ("payment_method", "return_url", "receipt_email", "off_session")
CANCEL_REASONS = (None, "duplicate", "fraudulent", "requested_by_customer", "abandoned")
CONFIRMABLE = ("requires_confirmation", "requires_payment_method")
CANCELLABLE = ("requires_payment_method", "requires_confirmation")


def create(world: World, form: forms.Form) -> Answer:
    forms.allow(form, *CREATE_FIELDS)
    intent = _new(form)
    answer = Answer(intent)
    if forms.boolean(form, "confirm"):
        answer = _charge(world, intent, form)
    values = (intent["id"], intent["created"], json.dumps(intent))
    world.store.run("insert into intents (id, created, body) values (?, ?, ?)", *values)
    return answer


def confirm(world: World, intent_id: str, form: forms.Form) -> Answer:
    forms.allow(form, *CONFIRM_FIELDS)
    intent = find(world, intent_id)
    answer = _charge(world, intent, form)
    save(world, intent)
    return answer


def cancel(world: World, intent_id: str, form: forms.Form) -> Answer:
    forms.allow(form, "cancellation_reason")
    reason = forms.text(form, "cancellation_reason")
    if reason not in CANCEL_REASONS:
        raise invalid(f"Invalid cancellation_reason: {reason}", param="cancellation_reason")
    intent = find(world, intent_id)
    if intent["status"] not in CANCELLABLE:
        raise _unexpected_state(intent, "cancel", CANCELLABLE)
    intent |= {"status": "canceled", "canceled_at": int(time.time()), "cancellation_reason": reason}
    save(world, intent)
    events.record(world, "payment_intent.canceled", intent)
    return Answer(intent)


def settle(world: World, intent_id: str) -> None:
    """End `processing`: the money has arrived."""
    with world.store.transaction():
        intent = find(world, intent_id)
        if intent["status"] == "processing":
            _succeed(world, intent)
            save(world, intent)


def settle_what_was_processing(world: World) -> None:
    """A dead process had these in hand when it was killed."""
    for row in world.store.all("select id from intents where json_extract(body, '$.status') = 'processing'"):
        settle(world, row["id"])


def find(world: World, intent_id: str) -> Body:
    row = world.store.one("select body from intents where id = ?", intent_id)
    if row is None:
        raise missing("payment_intent", intent_id, param="intent")
    intent: Body = json.loads(row["body"])
    return intent


def save(world: World, intent: Body) -> None:
    world.store.run("update intents set body = ? where id = ?", json.dumps(intent), intent["id"])


def _new(form: forms.Form) -> Body:
    intent_id = f"pi_{new_id().hex}"
    payment_method = _payment_method(form)
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": _amount(form),
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": _automatic(form),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": _capture_method(form),
        "client_secret": f"{intent_id}_secret_{new_id().hex}",
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": _currency(form),
        "customer": None,
        "description": forms.text(form, "description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": forms.metadata(form),
        "next_action": None,
        "payment_method": payment_method,
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": forms.text(form, "receipt_email"),
        "status": "requires_confirmation" if payment_method else "requires_payment_method",
    }


def _amount(form: forms.Form) -> int:
    forms.required(form, "amount")
    amount = forms.integer(form, "amount") or 0
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, code="parameter_invalid_integer", param="amount")
    if amount > LARGEST_AMOUNT:
        raise invalid("Amount must be no more than 999,999.99.", code="amount_too_large", param="amount")
    return amount


def _currency(form: forms.Form) -> str:
    currency = forms.required(form, "currency")
    if currency.upper() not in MINOR_DIGITS:
        raise invalid(f"Invalid currency: {currency.lower()}.", param="currency")
    return currency.lower()


def _payment_method(form: forms.Form) -> str | None:
    name = forms.text(form, "payment_method")
    if name and not cards.is_known(name):
        raise missing("PaymentMethod", name, param="payment_method", status=400)
    return name


def _capture_method(form: forms.Form) -> str:
    method = forms.text(form, "capture_method") or "automatic"
    if method not in ("automatic", "automatic_async"):
        raise invalid("This sandbox captures at once; it has no manual capture.", param="capture_method")
    return method


def _automatic(form: forms.Form) -> dict[str, Any] | None:
    asked = form.get("automatic_payment_methods")
    if not isinstance(asked, dict):
        return None
    return {"enabled": asked.get("enabled") == "true", "allow_redirects": asked.get("allow_redirects", "always")}


def _charge(world: World, intent: Body, form: forms.Form) -> Answer:
    """Ask the bank. Every refusal is raised before anything is written; a decline is an answer."""
    payment_method = _payment_method(form) or intent["payment_method"]
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected_state(intent, "confirm", ("requires_confirmation", "requires_action"))
    if payment_method is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise refused(message, code="payment_intent_unexpected_state", payment_intent=intent)
    _check_return_url(intent, form)
    intent |= {"payment_method": payment_method, "latest_charge": f"ch_{new_id().hex}"}
    if decline := cards.bank_says(payment_method, decline_all=world.switches.on("decline")):
        return _decline(world, intent, decline)
    if wait := world.switches.milliseconds("processing_ms"):
        intent |= {"status": "processing", "last_payment_error": None}
        asyncio.get_running_loop().call_later(wait / 1000, settle, world, intent["id"])
        return Answer(intent)
    _succeed(world, intent)
    return Answer(intent)


def _check_return_url(intent: Body, form: forms.Form) -> None:
    """The gateway's trap: an intent that may redirect wants a return_url even for a card that does not."""
    automatic = intent["automatic_payment_methods"]
    redirects = automatic and automatic["enabled"] and automatic["allow_redirects"] != "never"
    if redirects and not forms.text(form, "return_url"):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods that might redirect your customer; you must "
            "provide a `return_url`, or set `automatic_payment_methods[allow_redirects]` to `never`.",
            param="return_url",
        )


def _succeed(world: World, intent: Body) -> None:
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    events.record(world, "payment_intent.succeeded", intent)


def _decline(world: World, intent: Body, decline: cards.Decline) -> Answer:
    error = {
        "charge": intent["latest_charge"],
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": {"id": intent["payment_method"], "object": "payment_method", "type": "card"},
        "type": "card_error",
    }
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    events.record(world, "payment_intent.payment_failed", intent)
    return Answer({"error": error | {"payment_intent": intent}}, 402)


def _unexpected_state(intent: Body, verb: str, allowed: tuple[str, ...]) -> GatewayError:
    participle = {"confirm": "confirmed", "cancel": "canceled"}[verb]
    message = (
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be {participle}: {', '.join(allowed)}."
    )
    return refused(message, code="payment_intent_unexpected_state", payment_intent=intent)
