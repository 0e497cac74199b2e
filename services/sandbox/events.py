"""The gateway's events: what happened to a payment, kept for asking and posted to the shop's webhook."""

import json
import time

from services.sandbox.gateway_errors import Body, missing
from services.sandbox.world import World
from shared.ids import new_id

API_VERSION = "2026-10-28.endive"


def record(world: World, kind: str, about: Body) -> None:
    """Keep an event and post it, in the transaction of what it tells."""
    event = {
        "id": f"evt_{new_id().hex}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    body = json.dumps(event, ensure_ascii=False)
    world.store.run("insert into events (id, body) values (?, ?)", event["id"], body)
    world.outbox.post("gateway", webhook_url(world), body)


def find(world: World, event_id: str) -> Body:
    row = world.store.one("select body from events where id = ?", event_id)
    if row is None:
        raise missing("event", event_id, param="id")
    event: Body = json.loads(row["body"])
    return event


def webhook_url(world: World) -> str:
    row = world.store.one("select value from facts where name = 'webhook_url'")
    return row["value"] if row else f"{world.settings.public_url.rstrip('/')}/webhooks/stripe"


def set_webhook_url(world: World, url: str | None) -> None:
    """Send webhooks elsewhere; None goes back to the shop's public address."""
    world.store.run("delete from facts where name = 'webhook_url'")
    if url:
        world.store.run("insert into facts (name, value) values ('webhook_url', ?)", url)
