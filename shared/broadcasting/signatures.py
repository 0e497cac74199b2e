"""How the Pusher protocol signs: a subscription, a sign-in, a call of the HTTP API. Pure; both ends use it.

The parts are joined by colons, so whoever signs or checks first looks that a socket's id is `123.456` and that a
channel's name has no colon: `names.py` knows both.
"""

import hashlib
import hmac
from collections.abc import Mapping

SIGNATURE = "auth_signature"  # the one parameter of a request that is not signed


def sign_channel(secret: str, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """Sign a subscription. channel_data: the very text that the client will send; None if it sends none."""
    parts = (socket_id, channel) if channel_data is None else (socket_id, channel, channel_data)
    return _sign(secret, ":".join(parts))


def sign_user(secret: str, socket_id: str, user_data: str) -> str:
    """Sign a `pusher:signin`."""
    return _sign(secret, f"{socket_id}::user::{user_data}")


def sign_request(secret: str, method: str, path: str, query: Mapping[str, str]) -> str:
    """Sign a call of the HTTP API. query: its parameters, decoded; its signature among them is left out."""
    lowered = sorted((name.lower(), value) for name, value in query.items())
    signed = "&".join(f"{name}={value}" for name, value in lowered if name != SIGNATURE)
    return _sign(secret, f"{method.upper()}\n{path}\n{signed}")


def good_channel(  # noqa: PLR0913, PLR0917 - all of a subscription is signed
    key: str, secret: str, auth: str, socket_id: str, channel: str, channel_data: str | None = None
) -> bool:
    """Say whether `auth`, as a client sends it, lets this socket into this channel."""
    return same(auth, f"{key}:{sign_channel(secret, socket_id, channel, channel_data)}")


def good_user(key: str, secret: str, auth: str, socket_id: str, user_data: str) -> bool:
    """Say whether `auth` signs this user in on this socket."""
    return same(auth, f"{key}:{sign_user(secret, socket_id, user_data)}")


def good_request(secret: str, method: str, path: str, query: Mapping[str, str]) -> bool:
    """Say whether a call's own signature is right. Its key, its time and its body's MD5 are the caller's to check."""
    return same(query.get(SIGNATURE, ""), sign_request(secret, method, path, query))


def same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing about how much of it was right."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def _sign(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), _bytes(text), hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    # A frame's JSON may hold half a surrogate pair: it is no reason to fall over, and no signature of ours covers it.
    return text.encode(errors="surrogatepass")
