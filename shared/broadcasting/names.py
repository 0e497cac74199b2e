"""Names of channels and sockets as the Pusher protocol has them, and what a channel's prefix says of it."""

import re

CHANNEL = r"^[-a-zA-Z0-9_=@,.;]{1,164}$"
SOCKET = r"^[0-9]{1,20}\.[0-9]{1,20}$"
_CHANNEL, _SOCKET = re.compile(CHANNEL), re.compile(SOCKET)

#: The longest first, or `private-encrypted-cache-x` would be the private channel `encrypted-cache-x`.
_PREFIX = re.compile(r"(private-encrypted-cache-|private-encrypted-|private-cache-|private-|presence-cache-|presence-)")


def is_channel(name: str) -> bool:
    return _CHANNEL.fullmatch(name) is not None


def is_socket(socket_id: str) -> bool:
    return _SOCKET.fullmatch(socket_id) is not None


def split(wire_name: str) -> tuple[str, str]:
    """Return a channel's prefix and the rest: `private-orders.7` is `private-` and `orders.7`; public has no prefix."""
    found = _PREFIX.match(wire_name)
    return (found[0], wire_name[found.end() :]) if found else ("", wire_name)


def is_presence(wire_name: str) -> bool:
    return wire_name.startswith("presence-")


def is_encrypted(wire_name: str) -> bool:
    return wire_name.startswith("private-encrypted-")
