"""What a subscription brings with it: the app's signature, and what was signed; pure."""

import json
from dataclasses import dataclass
from typing import Any

from services.realtime.effects import Cursor, Member, SignIn, Subscribe
from services.realtime.limits import Limits
from shared.broadcasting.names import is_presence
from shared.broadcasting.signatures import good_channel, good_user

#: What some clients leave out.
UNSENT = " If the auth endpoint answers `channel_data`, send it with `auth`."


class Refused(Exception):
    """Raised with what the client is told: a type, a sentence, a status."""

    def __init__(self, why: str, status: int = 401, kind: str = "AuthError") -> None:
        super().__init__(why)
        self.why, self.status, self.kind = why, status, kind


@dataclass(frozen=True, slots=True)
class Desk:
    """Where signatures are looked at."""

    key: str
    secret: str
    limits: Limits

    def admit(self, socket_id: str, channel: str, data: dict[str, Any], now: float) -> Subscribe:
        """Return what a subscription of a protected channel is allowed; raise Refused."""
        auth, signed = data.get("auth"), data.get("channel_data")
        if not isinstance(auth, str) or not isinstance(signed, str | None):
            raise Refused("The connection is unauthorized.")
        if not good_channel(self.key, self.secret, auth, socket_id, channel, signed):
            raise Refused(f"The connection is unauthorized.{'' if signed else UNSENT}")
        said = _object(signed)
        member = self._member(signed or "", said) if is_presence(channel) else None
        _look_at_time(said, now)
        return Subscribe(channel, member, _cursor(said), _session(said))

    def sign_in(self, socket_id: str, data: Any, now: float) -> SignIn:
        """Return who it is, and whom that user watches; raise Refused."""
        auth, signed = (data.get("auth"), data.get("user_data")) if isinstance(data, dict) else (None, None)
        if not isinstance(auth, str) or not isinstance(signed, str):
            raise Refused("The sign-in has no auth or no user_data.")
        if not good_user(self.key, self.secret, auth, socket_id, signed):
            raise Refused("The signature is not valid.")
        user = _object(signed)
        user_id = user.get("id")
        if not isinstance(user_id, str) or not user_id:
            raise Refused("user_data has no id that is a text.")
        _look_at_time(user, now)
        watched = _texts(user.get("watchlist"))
        most = self.limits.watched
        return SignIn(user_id, signed, watched[:most], _session(user), max(0, len(watched) - most))

    def _member(self, signed: str, said: dict[str, Any]) -> Member:
        user_id = said.get("user_id")
        if isinstance(user_id, bool) or not isinstance(user_id, str | int) or not str(user_id):
            raise Refused("channel_data has no user_id.")
        if len(str(user_id)) > self.limits.user_id:
            raise Refused(f"user_id is longer than {self.limits.user_id} characters.", 4301, "LimitReached")
        info = json.dumps(said.get("user_info"), ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        if len(info) > self.limits.user_info:
            raise Refused(f"user_info is longer than {self.limits.user_info} bytes.", 4301, "LimitReached")
        return Member(str(user_id), signed)


def _texts(some: object) -> tuple[str, ...]:
    """Return the texts of a list, each once."""
    return tuple(dict.fromkeys(one for one in some if isinstance(one, str))) if isinstance(some, list) else ()


def _object(signed: str | None) -> dict[str, Any]:
    try:
        said = json.loads(signed or "{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _look_at_time(said: dict[str, Any], now: float) -> None:
    """A ticket is good for a minute: by then, the end of its session is known here."""
    until = said.get("until")
    if isinstance(until, int | float) and until < now:
        raise Refused("The authorization is too old.")


def _cursor(said: dict[str, Any]) -> Cursor | None:
    """Read how far the client has heard."""
    after = said.get("after")
    if "after" not in said:
        return None
    return Cursor(after if isinstance(after, int) and not isinstance(after, bool) and after >= 0 else None)


def _session(said: dict[str, Any]) -> str | None:
    session = said.get("session")
    return session if isinstance(session, str) and session else None
