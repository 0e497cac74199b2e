"""The sandbox's own JSON API: the mailbox, the switches, the books, the webhook's address."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request

from services.sandbox import books, events, mailbox
from services.sandbox.problems import Problem
from services.sandbox.switches import SwitchRefusedError
from services.sandbox.world import world_of

LARGEST_LIST = 100_000

router = APIRouter()


@router.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/mailbox")
async def read_mailbox(
    request: Request, to: str | None = None, channel: str | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    if channel not in (None, "mail", "sms") or not 1 <= limit <= LARGEST_LIST:
        raise Problem(400, "Bad request", f"channel is mail or sms; limit is between 1 and {LARGEST_LIST}")
    return mailbox.read(world_of(request).store, to=to, channel=channel, limit=limit)


@router.get("/mailbox/counts")
async def count_mailbox(request: Request) -> dict[str, dict[str, int]]:
    return mailbox.counts(world_of(request).store)


@router.delete("/mailbox")
async def clear_mailbox(request: Request) -> dict[str, int]:
    return {"deleted": mailbox.clear(world_of(request).store)}


@router.get("/gateway/summary")
async def summary(request: Request) -> list[dict[str, Any]]:
    return books.summary(world_of(request).store)


@router.post("/gateway/keys/forget")
async def forget_keys(request: Request) -> dict[str, int]:
    return {"forgotten": world_of(request).keys.forget_all()}


@router.get("/gateway/webhook")
async def show_webhook(request: Request) -> dict[str, str]:
    return {"url": events.webhook_url(world_of(request))}


@router.put("/gateway/webhook")
async def move_webhook(request: Request) -> dict[str, str]:
    """Send the gateway's webhooks to `url`; null goes back to the shop's public address."""
    url = (await _json(request)).get("url")
    is_address = isinstance(url, str) and urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname
    if url is not None and not is_address:
        raise Problem(400, "Bad request", 'send {"url": "http://…"} or {"url": null}')
    events.set_webhook_url(world_of(request), url)
    return {"url": events.webhook_url(world_of(request))}


@router.get("/switches")
async def show_switches(request: Request) -> dict[str, bool | int]:
    return world_of(request).switches.values()


@router.get("/switches/table")
async def switch_table(request: Request) -> list[dict[str, Any]]:
    return world_of(request).switches.table()


@router.put("/switches")
async def turn_switches(request: Request) -> dict[str, bool | int]:
    switches = world_of(request).switches
    try:
        switches.turn(await _json(request))
    except SwitchRefusedError as error:
        raise Problem(400, "Bad request", str(error)) from error
    return switches.values()


@router.delete("/switches")
async def reset_switches(request: Request) -> dict[str, bool | int]:
    switches = world_of(request).switches
    switches.reset()
    return switches.values()


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Problem(400, "Bad request", "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Problem(400, "Bad request", "the body is not a JSON object")
    return body
