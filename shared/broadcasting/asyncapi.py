"""What clients hear, as AsyncAPI: `python -m shared.broadcasting.asyncapi` prints it; a test compares it with docs/.

Channels are asked of the events themselves, with names in the places of ids; who may listen is in `channels.py`.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from shared.broadcasting.keys import ended_session
from shared.broadcasting.signals import SIGNALS, Signal
from shared.events.catalogue import EVENTS
from shared.events.event import Event

TITLE = "Taboor, live"
VERSION = "1"
DESCRIPTION = (
    "What happens in the shop, over the Pusher Channels protocol 7: stock Laravel Echo and pusher-js can listen. "
    "Facts carry `event_id`: it grows within a channel, what is missed is replayed after it, or "
    "`pusher:resume_failed` says that it cannot be. Signals carry none: they are not kept, and of several the latest "
    "is said. Private channels need the signature of `POST /broadcasting/auth`, and the `channel_data` that it signs. "
    "Times are in UTC, money is in minor units. On the wire `data` is JSON in a text, as the protocol wants it. "
    "docs/clients.md has clients to copy."
)

#: What Pusher's clients do not know by themselves: said to subscriptions, beside facts and signals.
OURS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "Position": (
        "pusher:position",
        "How far this channel has been told: after the subscription, and every five minutes while anything happens.",
        {
            "type": "object",
            "properties": {"position": {"type": "integer", "description": "To be sent back in `last_event_ids`."}},
            "required": ["position"],
        },
    ),
    "ResumeFailed": (
        "pusher:resume_failed",
        "Something may be missing before what comes now: fetch the truth from the API.",
        {"type": "object", "additionalProperties": False},
    ),
}

#: 4000 to 4099: connecting again is in vain; to 4199: later; to 4299: at once. Echo and pusher-js do so by themselves.
CLOSE_CODES: Mapping[int, str] = {
    4001: "There is no such app key.",
    4005: "The path is not /app/{key}.",
    4006: "The protocol's version is no number.",
    4007: "The protocol's version is none of 5, 6 and 7.",
    4008: "The protocol's version is missing.",
    4009: "The session has ended; or this page's origin, a sign-in, or the application does not let it stay.",
    4100: "The node is full; or the client sends too much at once, or reads too slowly.",
    4200: "The node is stopping.",
    4201: "The client was silent for a minute and answered no ping.",
}

#: How each channel is called in the document, and whom it is for.
ADDRESSES: Mapping[str, tuple[str, str]] = {
    "private-orders.{order_id}": ("order", "One order: for its customer, and for operators."),
    "private-user.{user_id}": ("user", "All of one customer's things."),
    "private-App.Models.User.{user_id}": ("notifications", "A user's inbox, for Echo's `.notification()`."),
    "private-videos.{video_id}": ("video", "One video: for its owner, and for operators."),
    "private-orders": ("orders", "All orders, for operators."),
    "private-queues": ("queues", "All jobs, for operators."),
    "products": ("products", "How much is left of each product, for everybody."),
}

_REF = "#/components/schemas/{model}"
_EVENT_ID = {"type": "integer", "description": "The fact's position: it grows within a channel."}
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]*")


def describe() -> dict[str, Any]:
    """Return the document."""
    heard = _heard()
    kinds = sorted({kind for some in heard.values() for kind in some}, key=lambda kind: kind.__name__)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "realtime": {
                "host": "localhost:6001",
                "pathname": "/app/{key}",
                "protocol": "ws",
                "description": "PUSHER_HOST and PUSHER_PORT, with PUSHER_APP_KEY in the path.",
                "variables": {"key": {"default": "taboor-key"}},
            }
        },
        "channels": {_key(address): _channel(address, some) for address, some in heard.items()},
        "operations": {f"say.{_key(address)}": _operation(address, some) for address, some in heard.items()},
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds} | {name: _our_message(name) for name in OURS},
            "schemas": _schemas(kinds) | {name: schema for name, (_, _, schema) in OURS.items()},
        },
        "x-close-codes": {str(code): why for code, why in CLOSE_CODES.items()},
    }


Kind = type[Event] | type[Signal]


def _heard() -> dict[str, list[Kind]]:
    """Return each channel's address with the kinds of events that are said there."""
    found: dict[str, list[Kind]] = {address: [] for address in ADDRESSES}
    kinds: list[Kind] = [*EVENTS, *SIGNALS]
    for kind in kinds:
        for channel in _named(kind).broadcast_on():
            if ended_session(channel) is None:  # for our own nodes
                found[_address(channel)].append(kind)
    return found


def _named(kind: type[Any]) -> Any:
    """Return one of its kind in which names stand where ids would be."""
    values = {name: _value(name, field.annotation) for name, field in kind.model_fields.items()}
    return kind.model_construct(**values)


def _value(name: str, annotation: Any) -> Any:
    for hint in (annotation, *get_args(annotation)):
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return _named(hint)
    return "{" + name + "}"


def _address(channel: str) -> str:
    """Return `private-orders.{order_id}` of `private-orders.{id}`: how the event calls the id says less."""
    family, brace, _ = channel.partition("{")
    return next(address for address in ADDRESSES if address.partition("{")[:2] == (family, brace))


def _key(address: str) -> str:
    return ADDRESSES[address][0]


def _channel(address: str, kinds: list[Kind]) -> dict[str, Any]:
    ids = re.findall(r"{(\w+)}", address)
    parameters = {"parameters": {name: {"description": "Its id, as the API writes it."} for name in ids}}
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in _names(address, kinds)}
    described = {"address": address, "description": ADDRESSES[address][1]}
    return described | (parameters if ids else {}) | {"messages": messages}


def _operation(address: str, kinds: list[Kind]) -> dict[str, Any]:
    channel = f"#/channels/{_key(address)}"
    messages = [{"$ref": f"{channel}/messages/{name}"} for name in _names(address, kinds)]
    return {"action": "send", "channel": {"$ref": channel}, "messages": messages}


def _names(address: str, kinds: list[Kind]) -> list[str]:
    """Return what is said there; a public channel is not signed, so that nobody can say how far they have heard it."""
    ours = OURS if address.startswith("private-") else OURS.keys() - {"Position"}
    return [*(kind.__name__ for kind in kinds), *ours]


def _our_message(key: str) -> dict[str, Any]:
    name, about, _ = OURS[key]
    return {"name": name, "title": key, "description": about, "payload": {"$ref": _REF.format(model=key)}}


def _message(kind: Kind) -> dict[str, Any]:
    what = "A fact: recorded, in order, replayed." if issubclass(kind, Event) else "A signal: not recorded."
    said = kind.__doc__ if "__doc__" in vars(kind) and kind.__doc__ else ""
    return {
        "name": kind.broadcast_as(),
        "title": kind.__name__,
        "description": " ".join([what, *said.split()]),
        "payload": {"$ref": _REF.format(model=kind.__name__)},
    }


def _schemas(kinds: list[Kind]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in kinds:
        schema = kind.model_json_schema(ref_template=_REF, mode="serialization")
        found |= schema.pop("$defs", {})
        schema.pop("description", None)
        if issubclass(kind, Event):
            schema["properties"]["event_id"] = _EVENT_ID
            schema["required"] = [*schema["required"], "event_id"]
        found[kind.__name__] = schema
    return dict(sorted(found.items()))


def text() -> str:
    return "\n".join(_lines(describe())) + "\n"


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    """Write YAML: its strings are JSON's, but for plain words; so nothing in it can mean something else."""
    pairs = value.items() if isinstance(value, Mapping) else (("-", one) for one in value)
    for key, one in pairs:
        lead = "- " if key == "-" else f"{_scalar(key)}: "
        if not isinstance(one, Mapping | list) or not one:
            yield f"{indent}{lead}{_scalar(one)}"
        elif key == "-":
            first, *rest = _lines(one, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{indent}{lead.rstrip()}"
            yield from _lines(one, f"{indent}  ")


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in NOT_WORDS and value[0] != "$"
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


NOT_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # what YAML takes for something else


if __name__ == "__main__":
    sys.stdout.write(text())
