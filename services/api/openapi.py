"""The API's own description: `python -m services.api.openapi` prints it, and a test compares it with docs/."""

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from services.api.problems import MEDIA_TYPE, ProblemDetails
from services.api.schemas.broadcasting import SignIn, Subscription

TITLE = "Taboor"
VERSION = "1"
DESCRIPTION = """A shop whose slow work happens in queues. Money is in minor units, times are in UTC.
Everything that goes wrong is `application/problem+json` with a `code`."""
TAGS = [
    {"name": "sessions", "description": "Signing in and out."},
    {"name": "shop", "description": "What is for sale."},
    {"name": "orders", "description": "Placing an order and following it."},
    {"name": "videos", "description": "Uploading a video, watching it being processed, playing it."},
    {"name": "broadcasting", "description": "Listening live: who may, and a stream for those without a socket."},
    {"name": "notifications", "description": "The customer's inbox."},
    {"name": "operators", "description": "For those who run the shop."},
    {"name": "jobs", "description": "Jobs, batches and queues, for operators; every change is audited."},
    {"name": "webhooks", "description": "What the card gateway and the SMS carrier tell us; signed."},
    {"name": "health", "description": "For those who run the processes."},
]

_REASONS = {
    400: "The request cannot be read.",
    401: "Not signed in, or no longer.",
    403: "For operators only, or not for this caller.",
    404: "There is no such thing, or it is another's.",
    408: "Nothing came for too long; what came is kept.",
    409: "Its state does not allow it.",
    410: "It has expired.",
    411: "`Content-Length` is missing.",
    412: "This version of tus is not spoken here.",
    413: "Too large.",
    415: "Not sent as it has to be.",
    416: "The file has no such part; `Content-Range` says how long it is.",
    422: "The request is not valid.",
    423: "Another request is writing it; try again.",
    429: "Too many attempts; `Retry-After` says when.",
    460: "The checksum does not fit.",
    503: "The database does not answer; try again.",
    507: "The disk is full.",
}
_REF = "#/components/schemas/{model}"

#: What FastAPI does not see in a signature.
UNDESCRIBED: tuple[type[BaseModel], ...] = (ProblemDetails, Subscription, SignIn)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may refuse with these."""
    schema = {"$ref": _REF.format(model=ProblemDetails.__name__)}
    return {
        status: {"description": _REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 503})
    }


def form_or_json(model: type[BaseModel]) -> dict[str, Any]:
    """Return the request body of a route that reads either by itself."""
    schema = {"schema": {"$ref": _REF.format(model=model.__name__)}}
    content = {"application/x-www-form-urlencoded": schema, "application/json": schema}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with our problems in the place of FastAPI's own validation errors."""
    document = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes, tags=TAGS)
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in UNDESCRIBED:
        schema = model.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return document


def text(app: FastAPI) -> str:
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    from services.api.app import create_app  # noqa: PLC0415 - app needs this module to describe itself

    sys.stdout.write(text(create_app()))


if __name__ == "__main__":
    main()
