"""May this client connect? Of its request's path and origin; pure. The answers are codes of the Pusher protocol."""

import secrets
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

PROTOCOLS = range(5, 8)


class Refusal(NamedTuple):
    code: int
    reason: str


def look_at(target: str, origin: str | None, key: str, origins: frozenset[str]) -> Refusal | None:
    """Return why a client is refused, or None. origins: those that may connect; empty: all.

    Who comes without an origin is no page: what pages may do is for browsers to ask.
    """
    url = _split(target)
    if url is None or not url[0].startswith("/app/"):
        return Refusal(4005, "Path not found")
    path, query = url
    if unquote(path.removeprefix("/app/")) != key:
        return Refusal(4001, f"App key {path.removeprefix('/app/')[:40]} does not exist")
    if origins and origin is not None and origin.rstrip("/").lower() not in origins:
        return Refusal(4009, "This origin is not allowed")
    return _look_at_protocol(parse_qs(query, keep_blank_values=True).get("protocol", [""])[0])


def _split(target: str) -> tuple[str, str] | None:
    try:
        url = urlsplit(target)
    except ValueError:
        return None
    return url.path, url.query


def _look_at_protocol(protocol: str) -> Refusal | None:
    if not protocol:
        return Refusal(4008, "No protocol version supplied")
    if not (protocol.isascii() and protocol.isdigit() and len(protocol) < 10):
        return Refusal(4006, "Invalid version string format")
    if int(protocol) not in PROTOCOLS:
        return Refusal(4007, f"Unsupported protocol version {protocol}")
    return None


def allowed_origins(setting: str) -> frozenset[str]:
    """Read a comma-separated list of origins."""
    return frozenset(origin.strip().rstrip("/").lower() for origin in setting.split(",") if origin.strip())


def new_socket_id() -> str:
    return f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}"
