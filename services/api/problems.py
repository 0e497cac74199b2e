"""Everything that goes wrong is told as application/problem+json (RFC 9457), with a `code` a program can read."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.db.sql.orders import OrderNotFound
from shared.db.sql.videos import VideoNotFound
from shared.domain.errors import DomainError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "1"}
PHRASES = {460: "Checksum Mismatch"}  # a status of tus

log = structlog.get_logger()


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="body, query, path or header", examples=["body"])
    pointer: str = Field(description="a JSON pointer into it", examples=["#/items/0/quantity"])
    detail: str


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="a sentence for a person")
    code: str = Field(description="a word for a program", examples=["unknown_product"])
    errors: list[Fault] | None = None


class Problem(Exception):
    """Raised where a request is refused."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers, self.errors = status, code, detail, headers, errors


def answer(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": PHRASES.get(problem.status) or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if problem.errors is not None:
        body["errors"] = problem.errors
    # In ASCII: a customer's half of a surrogate pair may stand in it, and UTF-8 cannot carry that.
    return Response(json.dumps(body), problem.status, dict(problem.headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Teach the app to answer with problems."""
    app.add_exception_handler(HTTPException, _of_http)
    handlers: dict[type[Exception], Any] = {
        Problem: answer,
        RequestValidationError: _of_validation,
        DomainError: lambda error: answer(Problem(409, error.code, f"{error}.")),
        OrderNotFound: lambda _: answer(Problem(404, "not_found", "There is no such order.")),
        VideoNotFound: lambda _: answer(Problem(404, "not_found", "There is no such video.")),
        psycopg.OperationalError: _of_database,
        psycopg.errors.TransactionTimeout: _of_database,
        psycopg.errors.IdleInTransactionSessionTimeout: _of_database,
    }
    for kind, handle in handlers.items():
        app.add_exception_handler(kind, _on_the_loop(handle))


def _on_the_loop(handle: Any) -> Any:
    """Make a handler a coroutine: Starlette would send a plain function to a thread."""

    async def handler(_request: Request, error: Exception) -> Response:
        response: Response = handle(error)
        return response

    return handler


async def _of_http(request: Request, error: Exception) -> Response:
    """Tell what the framework refused."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    code = {400: "malformed", 413: "too_large"}.get(error.status_code, phrase.lower().replace(" ", "_"))
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return answer(Problem(error.status_code, code, f"{error.detail or phrase}.", headers=headers))


def _allowed(request: Request) -> str:
    """Return the methods of a path: Starlette names those of the first function only."""
    schema: dict[str, Any] = request.app.openapi()["paths"]
    methods: set[str] = set()
    for path, operations in schema.items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), request.url.path):
            methods |= {method.upper() for method in operations}
    return ", ".join(sorted(methods)) or "GET"  # what the schema does not show is read only


def _of_validation(error: RequestValidationError) -> Response:
    faults = error.errors()
    malformed = any(fault["loc"][0] == "header" or fault["type"] == "json_invalid" for fault in faults)
    errors = [_fault(fault) for fault in faults[:20]]
    if malformed:
        return answer(Problem(400, "malformed", "The request cannot be read.", errors=errors))
    return answer(Problem(422, "invalid", "The request is not valid.", errors=errors))


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """Tell of a fault without repeating what was sent: it may be a password, or megabytes."""
    where, *path = fault["loc"] or ("body",)
    pointer = "".join(f"/{str(step)[:64].replace('~', '~0').replace('/', '~1')}" for step in path)
    return {"where": str(where), "pointer": f"#{pointer}", "detail": str(fault["msg"])[:200]}


def _of_database(error: psycopg.Error) -> Response:
    log.warning("the database does not answer", error=str(error), kind=type(error).__name__)
    return answer(Problem(503, "unavailable", "The shop cannot answer right now; try again.", headers=RETRY_AFTER))
