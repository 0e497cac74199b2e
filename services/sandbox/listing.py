"""The gateway's lists: newest first, a page at a time, with `has_more`."""

import json

from services.sandbox import forms
from services.sandbox.gateway_errors import Body, invalid, missing
from services.sandbox.world import World

NEWEST = 2**62


def intents(world: World, form: forms.Form) -> Body:
    forms.allow(form, "created", "limit", "starting_after")
    sql = "select seq, body from intents where seq < ? and created >= ? and created < ? order by seq desc limit ?"
    since, until = _created(form)
    before = _position(world, form, "select seq from intents where id = ?", "payment_intent")
    return _page(world, sql, (before, since, until), _limit(form), "/v1/payment_intents")


def refunds(world: World, form: forms.Form) -> Body:
    forms.allow(form, "payment_intent", "limit", "starting_after")
    sql = "select seq, body from refunds where seq < ? and (? is null or payment_intent = ?) order by seq desc limit ?"
    intent_id = forms.text(form, "payment_intent")
    before = _position(world, form, "select seq from refunds where id = ?", "refund")
    return _page(world, sql, (before, intent_id, intent_id), _limit(form), "/v1/refunds")


def _page(world: World, sql: str, values: tuple[object, ...], limit: int, url: str) -> Body:
    rows = world.store.all(sql, *values, limit + 1)
    data = [json.loads(row["body"]) for row in rows[:limit]]
    return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": data}


def _limit(form: forms.Form) -> int:
    limit = forms.integer(form, "limit")
    if limit is not None and not 1 <= limit <= 100:
        raise invalid("limit must be between 1 and 100.", param="limit")
    return limit or 10


def _position(world: World, form: forms.Form, sql: str, kind: str) -> int:
    name = forms.text(form, "starting_after")
    if name is None:
        return NEWEST
    row = world.store.one(sql, name)
    if row is None:
        raise missing(kind, name, param="starting_after", status=400)
    return int(row["seq"])


def _created(form: forms.Form) -> tuple[int, int]:
    """Return the span [since, until) of `created`, whole or with gte, gt, lte, lt."""
    asked = form.get("created")
    if asked is None:
        return 0, NEWEST
    if not isinstance(asked, dict):
        second = forms.integer(form, "created") or 0
        return second, second + 1
    bounds = {name: forms.integer(asked, name) for name in asked}
    if unknown := set(bounds) - {"gte", "gt", "lte", "lt"}:
        raise invalid(f"Received unknown parameter: created[{unknown.pop()}]", code="parameter_unknown")
    since = [bound + (name == "gt") for name, bound in bounds.items() if name in ("gte", "gt") and bound is not None]
    until = [bound + (name == "lte") for name, bound in bounds.items() if name in ("lte", "lt") and bound is not None]
    return max(since, default=0), min(until, default=NEWEST)
