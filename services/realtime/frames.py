"""The frames of the Pusher protocol, read and written as text; pure."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from services.realtime.limits import ACTIVITY_TIMEOUT

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

PONG = '{"event":"pusher:pong","data":"{}"}'
PING = '{"event":"pusher:ping","data":"{}"}'

MALFORMED = 4200
REJECTED = 4301


class Malformed(ValueError):
    """The message is no frame of this protocol."""


def read(message: str) -> dict[str, Any]:
    """Return a client's frame. Raises Malformed: no JSON, no object, or no event's name."""
    try:
        frame = _decode(message)
    except (ValueError, RecursionError) as error:
        raise Malformed("Invalid message format") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("event"), str):
        raise Malformed("Invalid message format")
    return frame


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def event(name: str, channel: str, data: str, user_id: str | None = None) -> str:
    """Write what subscribers of a channel hear. data: JSON text, placed as it is."""
    sender = "" if user_id is None else f',"user_id":{encode(user_id)}'
    return f'{{"event":{encode(name)},"channel":{encode(channel)},"data":{data}{sender}}}'


def established(socket_id: str) -> str:
    data = encode({"socket_id": socket_id, "activity_timeout": ACTIVITY_TIMEOUT})
    return f'{{"event":"pusher:connection_established","data":{encode(data)}}}'


def error(code: int | None, message: str) -> str:
    return encode({"event": "pusher:error", "data": {"code": code, "message": message}})


def succeeded(channel: str, data: str = "{}") -> str:
    return event("pusher_internal:subscription_succeeded", channel, encode(data))


def refused(channel: str, kind: str, why: str, status: int) -> str:
    return encode(
        {
            "event": "pusher:subscription_error",
            "channel": channel,
            "data": {"type": kind, "error": why, "status": status},
        }
    )


def members(channel_datas: Sequence[str]) -> str:
    """Write who is in a presence channel, of JSON texts of `user_id` and `user_info`."""
    users = {str(user["user_id"]): user for user in map(json.loads, channel_datas)}
    ids = [user["user_id"] for user in users.values()]
    infos = {user_id: user.get("user_info") for user_id, user in users.items()}
    return encode({"presence": {"count": len(ids), "ids": ids, "hash": infos}})


def cache_miss(channel: str) -> str:
    return encode({"event": "pusher:cache_miss", "channel": channel})


def position(channel: str, number: int) -> str:
    """Tell how far this channel is delivered, so that who heard nothing yet has where to resume from."""
    return event("pusher:position", channel, encode(encode({"position": number})))


def resume_failed(channel: str) -> str:
    return event("pusher:resume_failed", channel, '"{}"')


def signed_in(user_data: str) -> str:
    return encode({"event": "pusher:signin_success", "data": encode({"user_data": user_data})})


def watchlist(*events: tuple[str, Sequence[str]]) -> str:
    """Tell of users who are watched: `("online", ["layla"])`."""
    data = encode({"events": [{"name": name, "user_ids": list(users)} for name, users in events]})
    return encode({"event": "pusher_internal:watchlist_events", "data": data})
