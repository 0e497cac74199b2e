"""The SMS carrier's wire: send, list with filters and pages, fetch; basic authentication at the door."""

import asyncio
import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox import texts
from services.sandbox.carrier_errors import Body, Form, Refusal
from services.sandbox.hang_up import NoAnswer
from services.sandbox.world import World, world_of

LARGEST_PAGE, USUAL_PAGE = 1000, 50
MATCHING = """
select * from texts where seq < ?1 and (?2 is null or recipient = ?2) and (?3 is null or sender = ?3)
  and (?4 is null or cast(created + ?6 as integer) >= ?4 and created + ?6 <= ?7)
  and (?5 is null or cast(created + ?6 as integer) < ?5 and created + ?6 <= ?7)
order by seq desc limit ?8
"""

router = APIRouter(prefix=f"/{texts.API_VERSION}/Accounts/{{account}}")


@router.post("/Messages.json")
async def send(request: Request, account: str) -> Response:
    world = world_of(request)
    try:
        await _enter(request, world, account)
        form = _form((await request.body()).decode(errors="replace"))
        with world.store.transaction():
            row = texts.send(world, form)
    except Refusal as refusal:
        return refusal.response()
    if world.switches.take("sms_no_answer_after_sending"):
        return NoAnswer()
    return JSONResponse(texts.shown(world, row), 201)


@router.get("/Messages.json")
async def list_messages(request: Request, account: str) -> Response:
    world = world_of(request)
    try:
        await _enter(request, world, account)
        return JSONResponse(_page(world, request.url.path, _form(request.url.query)))
    except Refusal as refusal:
        return refusal.response()


@router.get("/Messages/{sid}.json")
async def fetch(request: Request, account: str, sid: str) -> Response:
    world = world_of(request)
    try:
        await _enter(request, world, account)
        return JSONResponse(texts.shown(world, texts.find(world, sid)))
    except Refusal as refusal:
        return refusal.response()


async def _enter(request: Request, world: World, account: str) -> None:
    _authenticate(request, world, account)
    if wait := world.switches.milliseconds("slow_ms"):
        await asyncio.sleep(wait / 1000)
    if world.switches.on("sms_down"):
        raise Refusal(503, 20503, "Service is unavailable. Please try again.")


def _authenticate(request: Request, world: World, account: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        decoded = b64decode(given, validate=True) if scheme.lower() == "basic" else b""
    except Base64Error:
        decoded = b""
    settings = world.settings
    expected = f"{settings.twilio_account_sid}:{settings.twilio_auth_token.get_secret_value()}".encode()
    if not hmac.compare_digest(decoded, expected) or account != settings.twilio_account_sid:
        raise Refusal(401, 20003, "Authenticate")


def _form(text: str) -> Form:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise Refusal(400, 20001, "Invalid form encoding") from error


def _page(world: World, path: str, form: Form) -> Body:
    size = min(max(_number(form, "PageSize", USUAL_PAGE), 1), LARGEST_PAGE)
    page = _number(form, "Page", 0)
    before = _number({"PageToken": form.get("PageToken", "").removeprefix("PA")}, "PageToken", 2**62)
    since, until = _sent_between(form)
    moment = datetime.now(UTC).timestamp()
    rows = world.store.all(
        MATCHING, before, form.get("To"), form.get("From"), since, until, texts.SENT_AFTER, moment, size + 1
    )
    more = {**form, "Page": str(page + 1), "PageToken": f"PA{rows[size - 1]['seq']}"} if len(rows) > size else None
    return {
        "messages": [texts.shown(world, row) for row in rows[:size]],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + min(len(rows), size) - 1,
        "uri": f"{path}?{urlencode(form)}",
        "first_page_uri": f"{path}?{urlencode({**form, 'Page': '0'})}",
        "previous_page_uri": None,
        "next_page_uri": f"{path}?{urlencode(more)}" if more else None,
    }


def _number(form: Form, name: str, otherwise: int) -> int:
    value = form.get(name) or str(otherwise)
    if not value.isdecimal() or len(value) > 19:
        raise Refusal(400, 20001, f"Invalid {name}: {value}")
    return int(value)


def _sent_between(form: Form) -> tuple[float | None, float | None]:
    """Return the span [since, until) of `DateSent`; a message still queued has none and is in no span."""
    if on := form.get("DateSent"):
        day = _moment(on).replace(hour=0, minute=0, second=0)
        return day.timestamp(), (day + timedelta(days=1)).timestamp()
    since, until = form.get("DateSent>"), form.get("DateSent<")
    return (
        _moment(since).timestamp() if since else None,
        _moment(until).timestamp() + 1 if until else None,
    )


def _moment(text: str) -> datetime:
    for shape in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, shape).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Refusal(400, 20001, f"Invalid date: {text}")
