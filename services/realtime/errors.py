"""How the HTTP API refuses: JSON with an `error` a person can read, beside what a problem (RFC 9457) has."""

import json
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from redis import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.realtime.redis_wire import Trouble

log = structlog.get_logger()


class Refused(Exception):
    """Raised where a call is refused."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def install(app: FastAPI) -> None:
    """Teach the app to answer so."""
    app.add_exception_handler(Refused, _of_refused)
    app.add_exception_handler(HTTPException, _of_http)
    for kind in (RedisError, *Trouble):
        app.add_exception_handler(kind, _of_redis)


def _answer(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    # `error` is what Pusher's clients know; in ASCII, since half a surrogate pair of the caller's may stand in it.
    body = {"error": why, "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": why}
    return Response(json.dumps(body), status, dict(headers or {}), "application/json")


async def _of_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _answer(error.status, error.why)


async def _of_http(_request: Request, error: Exception) -> Response:
    """Tell what the framework refused: an unknown path, another method."""
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, f"{HTTPStatus(error.status_code).phrase}.", error.headers)


async def _of_redis(_request: Request, error: Exception) -> Response:
    log.warning("Redis does not answer", error=repr(error))
    return _answer(503, "The service cannot answer right now; try again.", {"Retry-After": "1"})
