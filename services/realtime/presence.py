"""Who is in a presence channel, counted per user over all nodes; each change is told once, even by nodes that die.

The scripts write `member_added` and `member_removed` to the signals' stream themselves: whoever follows that stream
sends them on, and nobody else has to. To miss none and hear none twice, a node first registers the socket for the
channel, then joins, and for this socket drops the entries of the stream that are not after `Joined.heard`.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import structlog
from redis import RedisError
from redis.asyncio import Redis

from services.realtime import cluster_keys, scripts
from services.realtime.webhooks import Webhooks
from shared.broadcasting import keys

log = structlog.get_logger()

MOST = 100  # members of one channel
HELD_MS = 3_000  # a member who is back by then was never gone, for webhooks

Key = tuple[str, str]  # channel, socket


class TooMany(Exception):
    """The channel has as many members as it may have."""


@dataclass(frozen=True, slots=True)
class Joined:
    """How it was at the moment of joining: what the stream of signals says after `heard` is to be added."""

    members: list[str]  # JSON of `user_id` and `user_info`, once for each user, the one who joined among them
    first: bool  # the user was not here before, on no connection; it has been told
    heard: str


class Presence:
    def __init__(self, redis: Redis, node: str, webhooks: Webhooks) -> None:
        self._node, self._webhooks = node, webhooks
        self._join, self._leave = redis.register_script(scripts.JOIN), redis.register_script(scripts.LEAVE)
        self._reap = redis.register_script(scripts.REAP_MEMBERS)
        self._redis = redis
        self._here: dict[Key, tuple[str, str]] = {}  # what this node has to say again after a wipe
        self._leaving: set[Key] = set()  # Redis could not be told yet
        self._catching_up = asyncio.Lock()

    async def join(self, channel: str, socket_id: str, user_id: str, channel_data: str) -> Joined:
        """Count one connection of a user. Raises TooMany, and Redis's errors: then it has not joined."""
        key, told = (channel, socket_id), _told(user_id, channel_data)
        await self._wait_for_leaving(key)
        try:
            answer = await self._ask_to_join(key, user_id, told, "join")
        except BaseException:
            self._leaving.add(key)  # nobody knows whether it arrived
            raise
        if answer == -1:
            raise TooMany(f"{channel} has {MOST} members")
        self._here[key] = user_id, told
        first, returned, heard, members = answer
        if first and not returned:
            self._webhooks.tell({"name": "member_added", "channel": channel, "user_id": user_id})
        return Joined([text(member).rpartition("\0")[2] for member in members], bool(first), text(heard))

    async def leave(self, channel: str, socket_id: str) -> str | None:
        """Count one connection less; return the user if it was their last anywhere. It has been told then.

        While Redis is away the leaving is remembered, and told later.
        """
        key = channel, socket_id
        self._here.pop(key, None)
        try:
            return await self._ask_to_leave(key)
        except BaseException as error:
            self._leaving.add(key)
            if not isinstance(error, RedisError):
                raise
            log.warning("a member's leaving has to wait for Redis", channel=channel, error=repr(error))
            return None

    async def restore(self, *, aloud: bool) -> None:
        """Say again who is here. aloud: this node was taken for dead, and its members were told to be gone."""
        async with self._catching_up:
            for key, (user_id, told) in list(self._here.items()):
                if key in self._here:
                    await self._ask_to_join(key, user_id, told, "aloud" if aloud else "silent")
                    if key not in self._here:  # left meanwhile; Redis may have heard that first
                        await self._ask_to_leave(key)

    async def catch_up(self) -> None:
        """Tell Redis who left while it was away."""
        async with self._catching_up:
            for key in list(self._leaving):
                await self._ask_to_leave(key)
                self._leaving.discard(key)

    async def reap(self, dead: str) -> list[tuple[str, str]]:
        """Take a dead node's members out; return (channel, user) of those this call took. They have been told."""
        gone: list[tuple[str, str]] = []
        for channel in [text(name) for name in await self._redis.hkeys(cluster_keys.presence_of(dead))]:
            members: Any = await self._reap(
                [keys.node(dead), *_three(channel), cluster_keys.presence_of(dead), cluster_keys.HELD, keys.SIGNALS],
                [dead, channel, keys.SIGNALS_KEPT, HELD_MS],
            )
            gone += [(channel, text(user)) for user in members]
        return gone

    async def _wait_for_leaving(self, key: Key) -> None:
        if key in self._leaving:
            async with self._catching_up:
                self._leaving.discard(key)

    async def _ask_to_join(self, key: Key, user_id: str, told: str, mode: str) -> Any:
        channel, socket_id = key
        present, fresh = cluster_keys.presence_of(self._node), cluster_keys.presence_fresh(channel)
        return await self._join(
            [*_three(channel), present, fresh, cluster_keys.HELD, keys.SIGNALS],
            [self._field(socket_id), _utf8(user_id), told, channel, socket_id, MOST, keys.SIGNALS_KEPT, mode],
        )

    async def _ask_to_leave(self, key: Key) -> str | None:
        channel, socket_id = key
        last: Any = await self._leave(
            [*_three(channel), cluster_keys.presence_of(self._node), cluster_keys.HELD, keys.SIGNALS],
            [self._field(socket_id), channel, keys.SIGNALS_KEPT, HELD_MS],
        )
        return None if last is None else text(last)

    def _field(self, socket_id: str) -> str:
        return f"{self._node}:{socket_id}"


def text(value: Any) -> str:
    """Return what Redis said as text, however the client was told to read it."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _three(channel: str) -> tuple[str, str, str]:
    return keys.presence(channel), keys.presence_count(channel), cluster_keys.presence_members(channel)


def _told(user_id: str, channel_data: str) -> str:
    """Return what others hear of a member, when they leave and when they come; nothing else of what was signed."""
    signed = json.loads(channel_data)
    leaves = {"user_id": signed.get("user_id", user_id)}
    comes = leaves | ({"user_info": signed["user_info"]} if "user_info" in signed else {})
    return f"{_json(leaves)}\0{_json(comes)}"


def _json(value: object) -> str:
    return _utf8(json.dumps(value, ensure_ascii=False, separators=(",", ":"))).decode()


def _utf8(text: str) -> bytes:
    """Half a surrogate pair, which UTF-8 has not, is written as JSON writes it."""
    return text.encode(errors="backslashreplace")
