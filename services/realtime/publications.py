"""What a call wants published, read by hand and checked; pydantic would cost more than all the rest of a publish."""

import json
from dataclasses import dataclass
from typing import Any

from services.realtime.errors import Refused
from shared.broadcasting.names import is_channel, is_presence, is_socket

LONGEST_NAME = 200
LONGEST_DATA = 10_240  # bytes
MOST_CHANNELS = 100
MOST_EVENTS = 10  # in a batch
RESERVED = ("pusher:", "pusher_internal:")  # what clients believe to come from this service

TO_USER = "#server-to-user-"
INFO = frozenset({"user_count", "subscription_count"})


@dataclass(frozen=True, slots=True)
class Publication:
    event: str
    data: str
    channels: tuple[str, ...]  # each once, in order
    users: tuple[str, ...]  # signed in, each on all their connections
    without: str  # the socket that hears nothing of it, or ""
    info: frozenset[str]


def one(body: bytes) -> Publication:
    """Read the body of `events`."""
    said = _object(body)
    return _publication(said, said.get("channels", [said["channel"]] if "channel" in said else None))


def several(body: bytes) -> list[Publication]:
    """Read the body of `batch_events`; all of it is right, or none is published."""
    batch = _object(body).get("batch")
    if not isinstance(batch, list) or not batch:
        raise Refused(400, "batch is not a list of events.")
    if len(batch) > MOST_EVENTS:
        raise Refused(400, f"batch has more than {MOST_EVENTS} events.")
    if not all(isinstance(event, dict) for event in batch):
        raise Refused(400, "batch has something that is no event.")
    return [_publication(event, [event["channel"]] if "channel" in event else None) for event in batch]


def attributes(info: object, allowed: frozenset[str] = INFO) -> frozenset[str]:
    """Read a comma-separated list of attributes."""
    if info is None or info == "":
        return frozenset()
    if not isinstance(info, str):
        raise Refused(400, "info is not a text.")
    asked = frozenset(word.strip() for word in info.split(","))
    if unknown := asked - allowed:
        raise Refused(400, f"info cannot tell {', '.join(sorted(unknown))[:80]} here.")
    return asked


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(said, dict):
        raise Refused(400, "The body is not a JSON object.")
    return said


def _publication(said: dict[str, Any], channels: object) -> Publication:
    name = said.get("name")
    if not isinstance(name, str) or not name or len(name) > LONGEST_NAME:
        raise Refused(400, f"name is not a text of 1 to {LONGEST_NAME} characters.")
    if name.startswith(RESERVED):
        raise Refused(400, "name starts as only the service's own events do.")
    named = _channels(channels)
    return Publication(
        _speakable(name, "name"),
        _data(said.get("data")),
        tuple(channel for channel in named if not channel.startswith("#")),
        tuple(channel.removeprefix(TO_USER) for channel in named if channel.startswith("#")),
        _socket(said.get("socket_id")),
        attributes(said.get("info")),
    )


def _channels(channels: object) -> list[str]:
    if not isinstance(channels, list) or not channels:
        raise Refused(400, "channels is not a list of names.")
    if len(channels) > MOST_CHANNELS:
        raise Refused(400, f"channels has more than {MOST_CHANNELS} names.")
    for channel in channels:
        if not isinstance(channel, str) or not _is_heard(channel):
            raise Refused(400, f"{str(channel)[:80]!r} is not a channel's name.")
    return list(dict.fromkeys(channels))


def _is_heard(channel: str) -> bool:
    if channel.startswith(TO_USER):
        return 0 < len(channel) - len(TO_USER) <= LONGEST_NAME and _utf8(channel) is not None
    return is_channel(channel)


def _data(data: object) -> str:
    if not isinstance(data, str):
        raise Refused(400, "data is not a text.")
    if len(data) > LONGEST_DATA or len(_speakable(data, "data").encode()) > LONGEST_DATA:
        raise Refused(413, f"data is longer than {LONGEST_DATA} bytes.")
    return data


def _socket(socket_id: object) -> str:
    if socket_id is None:
        return ""
    if not isinstance(socket_id, str) or not is_socket(socket_id):
        raise Refused(400, "socket_id is not one.")
    return socket_id


def _speakable(text: str, what: str) -> str:
    if _utf8(text) is None:
        raise Refused(400, f"{what} has half a surrogate pair.")
    return text


def _utf8(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def counted(publication: Publication, channel: str) -> frozenset[str]:
    """Return what is to be told of a channel: users are counted in presence channels only."""
    return publication.info if is_presence(channel) else publication.info - {"user_count"}
