"""Refunds: never more than was received, whatever is asked how often."""

import asyncio
import json
import time

from services.sandbox import cards, events, forms, intents
from services.sandbox.gateway_errors import Answer, Body, invalid, missing, refused
from services.sandbox.world import World
from shared.ids import new_id

LATER = 2.0  # seconds that a bank thinks about a refund to one of the cards.REFUNDS
REASONS = (None, "duplicate", "fraudulent", "requested_by_customer")


def create(world: World, form: forms.Form) -> Answer:
    forms.allow(form, "payment_intent", "amount", "reason", "metadata")
    intent = intents.find(world, forms.required(form, "payment_intent"))
    amount = _amount(world, form, intent)
    begins, ends = cards.REFUNDS.get(intent["payment_method"], ("succeeded", "succeeded"))
    refund = _new(form, intent, amount) | {"status": begins}
    world.store.run(
        "insert into refunds (id, payment_intent, amount, body) values (?, ?, ?, ?)",
        *(refund["id"], intent["id"], amount, json.dumps(refund)),
    )
    events.record(world, "charge.refunded", charge_of(world, intent))
    if ends != begins:
        asyncio.get_running_loop().call_later(LATER, settle, world, refund["id"], ends)
    return Answer(refund)


def settle(world: World, refund_id: str, status: str) -> None:
    """The bank has taken the money back, or will not: then the shop has it again."""
    with world.store.transaction():
        refund = find(world, refund_id) | {"status": status}
        amount = 0 if status == "failed" else refund["amount"]
        sql = "update refunds set body = ?, amount = ? where id = ?"
        world.store.run(sql, json.dumps(refund), amount, refund_id)
        events.record(world, "refund.failed" if status == "failed" else "refund.updated", refund)


def settle_what_was_pending(world: World) -> None:
    """A dead process had these in hand when it was killed."""
    for row in world.store.all("select id from refunds where json_extract(body, '$.status') = 'pending'"):
        settle(world, row["id"], "succeeded")


def find(world: World, refund_id: str) -> Body:
    row = world.store.one("select body from refunds where id = ?", refund_id)
    if row is None:
        raise missing("refund", refund_id, param="refund")
    refund: Body = json.loads(row["body"])
    return refund


def refunded(world: World, intent_id: str) -> int:
    sql = "select coalesce(sum(amount), 0) as amount from refunds where payment_intent = ?"
    row = world.store.one(sql, intent_id)
    assert row is not None
    return int(row["amount"])


def charge_of(world: World, intent: Body) -> Body:
    """Return the charge that a `charge.refunded` event is about."""
    amount_refunded = refunded(world, intent["id"])
    return {
        "id": intent["latest_charge"],
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount_received"],
        "amount_refunded": amount_refunded,
        "captured": True,
        "created": intent["created"],
        "currency": intent["currency"],
        "livemode": False,
        "metadata": intent["metadata"],
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "refunded": amount_refunded == intent["amount_received"],
        "status": "succeeded",
    }


def _amount(world: World, form: forms.Form, intent: Body) -> int:
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise refused(message, param="payment_intent")
    left = intent["amount_received"] - refunded(world, intent["id"])
    if left == 0:
        message = f"Charge {intent['latest_charge']} has already been refunded."
        raise refused(message, code="charge_already_refunded")
    amount = forms.integer(form, "amount")
    amount = left if amount is None else amount
    if amount < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})."
        raise refused(message, param="amount")
    return amount


def _new(form: forms.Form, intent: Body, amount: int) -> Body:
    reason = forms.text(form, "reason")
    if reason not in REASONS:
        raise invalid(f"Invalid reason: {reason}", param="reason")
    return {
        "id": f"re_{new_id().hex}",
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": intent["latest_charge"],
        "created": int(time.time()),
        "currency": intent["currency"],
        "metadata": forms.metadata(form),
        "payment_intent": intent["id"],
        "reason": reason,
        "status": "succeeded",
    }
