"""Addresses of a video's files that need no access token: a `<video>` sends none, and a playlist names only its files.

The token is a part of the path, so that relative names in a playlist keep it. It opens one generation of one video.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from uuid import UUID

from shared.config import settings

PREFIX = "/media"
_PURPOSE = b"taboor: media"
_SIGNED = Struct(">16sIQ")  # the video, its generation, when it expires
_LENGTH = (_SIGNED.size + hashlib.sha256().digest_size) * 4 // 3  # in base64, without a rest
_STEPS = 6


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token opens."""

    video_id: UUID
    generation: int
    expires: int  # seconds since 1970

    @property
    def seconds_left(self) -> int:
        return self.expires - int(time.time())

    def token(self) -> str:
        signed = _SIGNED.pack(self.video_id.bytes, self.generation, self.expires)
        return urlsafe_b64encode(signed + _mac(signed)).decode()


def address(video_id: UUID, generation: int) -> tuple[str, datetime]:
    """Return where the files of a generation are, and until when. For a while it is the same, for browsers' caches."""
    seconds = settings().playback_hours * 3600
    step = max(1, seconds / _STEPS)
    expires = int(time.time() // step * step + seconds)
    return f"{PREFIX}/{Pass(video_id, generation, expires).token()}", datetime.fromtimestamp(expires, UTC)


def read(token: str) -> Pass | None:
    """Return what a token opens, also one that has expired; None if it is not ours."""
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        content = urlsafe_b64decode(token)
    except ValueError:
        return None
    signed, mac = content[: _SIGNED.size], content[_SIGNED.size :]
    if not hmac.compare_digest(mac, _mac(signed)) or urlsafe_b64encode(content).decode() != token:
        return None
    video, generation, expires = _SIGNED.unpack(signed)
    return Pass(UUID(bytes=video), generation, expires)


def _mac(signed: bytes) -> bytes:
    key = hmac.digest(settings().secret_key.get_secret_value().encode(), _PURPOSE, "sha256")
    return hmac.digest(key, signed, "sha256")
