"""The card gateway's wire: the routes, the key at the door, the idempotency, and the answers that never arrive."""

import asyncio
import hmac
import json
from collections.abc import Callable
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.sandbox import events, forms, idempotency, intents, listing, refunds
from services.sandbox.gateway_errors import Answer, Body, GatewayError, internal_error, invalid, unauthorized
from services.sandbox.hang_up import NoAnswer
from services.sandbox.world import World, world_of
from shared.ids import new_id

Act = Callable[[World, forms.Form], Answer]
Read = Callable[[World, forms.Form], Body]

router = APIRouter(prefix="/v1")


@router.post("/payment_intents")
async def create_intent(request: Request) -> Response:
    return await _perform(request, intents.create, charges=lambda form: form.get("confirm") == "true")


@router.post("/payment_intents/{intent_id}/confirm")
async def confirm_intent(request: Request, intent_id: str) -> Response:
    act: Act = lambda world, form: intents.confirm(world, intent_id, form)  # noqa: E731 - one line, used once
    return await _perform(request, act, charges=lambda _: True)


@router.post("/payment_intents/{intent_id}/cancel")
async def cancel_intent(request: Request, intent_id: str) -> Response:
    return await _perform(request, lambda world, form: intents.cancel(world, intent_id, form))


@router.post("/refunds")
async def create_refund(request: Request) -> Response:
    return await _perform(request, refunds.create)


@router.get("/payment_intents")
async def list_intents(request: Request) -> Response:
    return await _read(request, listing.intents)


@router.get("/payment_intents/{intent_id}")
async def retrieve_intent(request: Request, intent_id: str) -> Response:
    return await _read(request, lambda world, _: intents.find(world, intent_id))


@router.get("/refunds")
async def list_refunds(request: Request) -> Response:
    return await _read(request, listing.refunds)


@router.get("/refunds/{refund_id}")
async def retrieve_refund(request: Request, refund_id: str) -> Response:
    return await _read(request, lambda world, _: refunds.find(world, refund_id))


@router.get("/events/{event_id}")
async def retrieve_event(request: Request, event_id: str) -> Response:
    return await _read(request, lambda world, _: events.find(world, event_id))


@router.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def unknown_url(request: Request) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return _respond(invalid(message, status=404).answer)


async def _read(request: Request, read: Read) -> Response:
    world = world_of(request)
    try:
        _authenticate(request, world)
        form = forms.parse(request.url.query)
        await _be_slow(world)
        return _respond(Answer(read(world, form)))
    except GatewayError as error:
        return _respond(error.answer)


async def _perform(request: Request, act: Act, *, charges: Callable[[forms.Form], bool] = lambda _: False) -> Response:
    world = world_of(request)
    key = request.headers.get("Idempotency-Key") or f"none-{new_id()}"
    echo = {"Idempotency-Key": key} if "Idempotency-Key" in request.headers else {}
    try:
        _authenticate(request, world)
        idempotency.check_length(key)
        body = (await request.body()).decode(errors="replace")
        form = forms.parse(body)
        fingerprint = _fingerprint(request, form)
        if kept := world.keys.find(key, fingerprint):
            return _respond(kept, echo)
        with world.keys.hold(key):
            await _be_slow(world)
            return _first_time(world, partial(act, world, form), (key, fingerprint), charging=charges(form), echo=echo)
    except GatewayError as error:
        return _respond(error.answer, echo)


def _first_time(
    world: World, act: Callable[[], Answer], key: tuple[str, str], *, charging: bool, echo: dict[str, str]
) -> Response:
    """Act and keep the answer in one transaction; then the answer may still get lost."""
    if charging and world.switches.take("no_answer_before_charging"):
        return NoAnswer()
    with world.store.transaction():
        answer, kept = _outcome(world, act, charging=charging)
        if kept:
            world.keys.keep(*key, answer)
    if charging and world.switches.take("no_answer_after_charging"):
        return NoAnswer()
    return _respond(answer, echo)


def _outcome(world: World, act: Callable[[], Answer], *, charging: bool) -> tuple[Answer, bool]:
    """Return the answer and whether its key keeps it. What refuses has written nothing."""
    if charging and world.switches.take("stored_500_before_charging"):
        return internal_error(), True
    try:
        answer = act()
    except GatewayError as error:
        return error.answer, error.kept
    if charging and world.switches.take("stored_500_after_charging"):
        return internal_error(), True
    return answer, True


def _authenticate(request: Request, world: World) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise unauthorized("You did not provide an API key. Use Bearer auth (Authorization: Bearer YOUR_SECRET_KEY).")
    expected = world.settings.stripe_api_key.get_secret_value()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise unauthorized(f"Invalid API Key provided: {given[:7]}***{given[-4:]}")


def _fingerprint(request: Request, form: forms.Form) -> str:
    return json.dumps([request.method, request.url.path, form], sort_keys=True)


async def _be_slow(world: World) -> None:
    if wait := world.switches.milliseconds("slow_ms"):
        await asyncio.sleep(wait / 1000)


def _respond(answer: Answer, echo: dict[str, str] | None = None) -> Response:
    headers = {"Request-Id": f"req_{new_id().hex}"} | (echo or {}) | answer.headers
    return Response(json.dumps(answer.body), answer.status, headers, "application/json")
