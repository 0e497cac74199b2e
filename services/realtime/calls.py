"""A call of the HTTP API: is it for this app, signed with its secret, of now, and with the body that was signed?"""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from redis.asyncio import Redis
from starlette.requests import Request

from services.realtime.errors import Refused
from services.realtime.occupancy import Occupancy
from services.realtime.redis_wire import Commands
from shared.broadcasting.signatures import good_request, same
from shared.clock import now
from shared.config import Settings

WINDOW = 600  # seconds that a caller's clock may be off
LONGEST_BODY = 1_048_576  # bytes: ten events of 10 kB, each letter of them escaped


class Node(Protocol):
    """What the HTTP API needs of the node that it is a part of."""

    @property
    def redis(self) -> Redis: ...

    @property
    def commands(self) -> Commands: ...

    @property
    def occupancy(self) -> Occupancy: ...

    def settings(self) -> Settings: ...

    def health(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Call:
    node: Node
    query: dict[str, str]
    body: bytes


async def signed(request: Request) -> Call:
    """Return the call, or refuse it: 404 for another app's path, 413 for a long body, 401 for a wrong signature."""
    node: Node = request.app.state.node
    settings = node.settings()
    app_id = request.path_params.get("app_id", settings.pusher_app_id)  # the paths without it are found by their key
    if app_id != settings.pusher_app_id:
        raise Refused(404, f"There is no app {app_id[:40]}.")
    body = await _body(request)
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if not same(query.get("auth_key", ""), settings.pusher_app_key):
        raise Refused(401, "auth_key is not this app's.")
    _look_at_time(query)
    _look_at_body(query, body)
    secret, method = settings.pusher_app_secret.get_secret_value(), request.method
    if not any(good_request(secret, method, path, query) for path in _paths(request)):
        raise Refused(401, "auth_signature is wrong.")
    return Call(node, query, body)


def _paths(request: Request) -> tuple[str, ...]:
    """Return the path as it may have been signed: some libraries escape it before, and some after."""
    path, sent = request.scope["path"], request.scope["raw_path"].decode("latin-1")
    return (path,) if path == sent else (path, sent)


async def _body(request: Request) -> bytes:
    if request.method == "GET" and "content-length" not in request.headers:
        return b""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise Refused(413, f"The body is longer than {LONGEST_BODY} bytes.")
    return bytes(body)


def _look_at_time(query: dict[str, str]) -> None:
    stamp = query.get("auth_timestamp", "")
    if query.get("auth_version") != "1.0":
        raise Refused(401, "auth_version is not 1.0.")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16 and abs(now().timestamp() - int(stamp)) <= WINDOW):
        raise Refused(401, f"auth_timestamp is not within {WINDOW} seconds of this server's time.")


def _look_at_body(query: dict[str, str], body: bytes) -> None:
    """Python's `pusher` sends the MD5 of an empty body too: whatever was sent must be right."""
    given = query.get("body_md5")
    if given is None and not body:
        return
    if given is None or not same(given.lower(), hashlib.md5(body, usedforsecurity=False).hexdigest()):
        raise Refused(401, "body_md5 is not the body's.")
