"""ONE TABLE: who may listen to which channel. The lecture's `Broadcast::channel('orders.{orderId}', …)`, in Python.

A rule is asked in a reading transaction about somebody who is signed in, and is given what stands for `{…}` in the
channel's name. What no row names, nobody hears.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol
from uuid import UUID

from sqlmodel import Session

from shared.broadcasting.names import split
from shared.db.reads import orders, videos


class Listener(Protocol):
    """Whoever wants to listen; their session has been looked up in the same transaction."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def is_operator(self) -> bool: ...


Rule = Callable[..., bool]


def owner_of_order(reading: Session, who: Listener, order_id: UUID) -> bool:
    return who.is_operator or orders.owner(reading, order_id) == who.user_id


def owner_of_video(reading: Session, who: Listener, video_id: UUID) -> bool:
    return who.is_operator or videos.owner(reading, video_id) == who.user_id


def oneself(_reading: Session, who: Listener, user_id: UUID) -> bool:
    return who.user_id == user_id


def operators(_reading: Session, who: Listener) -> bool:
    return who.is_operator


CHANNELS: Mapping[str, Rule] = {
    "private-orders.{order_id}": owner_of_order,
    "private-videos.{video_id}": owner_of_video,
    "private-user.{user_id}": oneself,
    "private-App.Models.User.{user_id}": oneself,  # where Laravel sends a user's notifications
    "private-orders": operators,
    "private-queues": operators,
    "presence-operators": operators,
}


def may_listen(reading: Session, who: Listener, wire_name: str) -> bool:
    """Ask the table. An encrypted or a cache channel is for those who may hear the plain one of its name."""
    prefix, name = split(wire_name)
    kind = prefix.partition("-")[0]
    for pattern, rule in _PATTERNS:
        if found := pattern.fullmatch(f"{kind}-{name}"):
            return rule(reading, who, *map(UUID, found.groups()))
    return False


#: Ids are heard as we write them, and in no other spelling: nothing is ever said on `private-orders.0199ABCD-…`.
_ID = r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", lambda _: _ID, re.escape(pattern)))


_PATTERNS = tuple((_compiled(pattern), rule) for pattern, rule in CHANNELS.items())
