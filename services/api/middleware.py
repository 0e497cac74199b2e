"""Around every request: its id, its line in the log, the limit of its size, and an answer even to our own mistakes."""

import re
import time
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api import metrics, uploads_http
from services.api.problems import Problem, answer
from shared.ids import new_id

MAX_BODY = 64 * 1024
QUIET = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds, and nothing to tell
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger()
_notes: ContextVar[dict[str, Any]] = ContextVar("notes")


def note(**fields: Any) -> None:
    """Add to the line that the log will have of this request: order=…, user=…"""
    _notes.get({}).update(fields)


class Requests:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        uploads_http.override_method(scope, headers)
        given = headers.get("x-request-id", "")
        request_id = given if GIVEN_ID.fullmatch(given) else new_id().hex
        notes: dict[str, Any] = {"method": scope["method"], "path": scope["path"], "status": 0}
        _notes.set(notes)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)
        started = time.perf_counter()

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                notes["status"] = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        await self._answer(scope, *_carried(scope, headers, receive, send_marked), notes)
        seconds = time.perf_counter() - started
        metrics.count(scope, notes["status"], seconds)
        if scope["path"] not in QUIET:
            log.info("request", **notes, ms=round(seconds * 1000, 2))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, notes: dict[str, Any]) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception:
            log.exception("a request failed", path=scope["path"])
            if notes["status"]:
                raise  # half an answer is out: the server must break the connection
            sorry = Problem(500, "internal", "Something went wrong here; it is written down.")
            await answer(sorry)(scope, receive, send)


def _carried(scope: Scope, headers: Headers, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Limit the body, if it is not a file on its way to a route that takes it piece by piece."""
    tus, file = uploads_http.speaks_tus(scope), uploads_http.carries_file(scope)
    if not (tus or file):
        return _limited(receive, headers), send
    carrier = uploads_http.Carrier(headers, receive, send, tus=tus)
    return (carrier.receive if file else _limited(carrier.receive, headers)), carrier.send


def _limited(receive: Receive, headers: Headers) -> Receive:
    """Stop reading a body that is too large, or says that it will be.

    FastAPI's own `max_body_size` answers in plain text.
    """
    announced, read = _length(headers), 0

    async def receive_some() -> Message:
        nonlocal read
        message = await receive() if announced <= MAX_BODY else {"type": "http.request"}
        read += len(message.get("body", b""))
        if max(read, announced) > MAX_BODY:
            raise HTTPException(413, f"At most {MAX_BODY} bytes")
        return message

    return receive_some


def _length(headers: Headers) -> int:
    given = headers.get("content-length", "")
    return int(given) if given.isascii() and given.isdecimal() else 0
