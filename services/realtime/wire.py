"""WebSocket frames as bytes: what a server sends, unmasked."""

import struct

_TEXT, _CLOSE = 0x81, 0x88
_LONGEST_REASON = 123  # bytes; a control frame holds 125


def pack(text: str) -> bytes:
    """Return a text as one frame. Half a surrogate pair, which UTF-8 has not, is written as JSON writes it."""
    try:
        payload = text.encode()
    except UnicodeEncodeError:
        payload = text.encode(errors="backslashreplace")
    return _head(_TEXT, len(payload)) + payload


def pack_close(code: int, reason: str) -> bytes:
    payload = struct.pack("!H", code) + reason.encode(errors="replace")[:_LONGEST_REASON]
    return _head(_CLOSE, len(payload)) + payload


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)
