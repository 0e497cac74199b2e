"""Which users are signed in, on whichever node: each node keeps a list of its own that dies with it."""

import asyncio
from collections import Counter
from collections.abc import Collection

from services.realtime.cluster_keys import NODES
from services.realtime.redis_wire import Commands
from shared.broadcasting import keys


class Online:
    """A change is only hinted at on the stream of signals: whoever wants to know asks `who()`."""

    def __init__(self, commands: Commands, node: str) -> None:
        self._commands, self._node = commands, node
        self._here: Counter[str] = Counter()  # user → connections of this node

    def came(self, user: str) -> None:
        self._here[user] += 1
        if self._here[user] == 1:
            self._commands.tell("HSET", _key(self._node), _utf8(user), 1)
            self._commands.tell("EXPIRE", _key(self._node), keys.NODE_SECONDS)
            self._hint(user)

    def went(self, user: str) -> None:
        self._here[user] -= 1
        if self._here[user] <= 0:
            del self._here[user]
            self._commands.tell("HDEL", _key(self._node), _utf8(user))
            self._hint(user)

    async def stay(self) -> None:
        """Have this node's list live on; write it again after a wipe, or if Redis missed some. Raises its errors."""
        key, renewal = _key(self._node), ("EXPIRE", _key(self._node), keys.NODE_SECONDS)
        if not self._here:
            return
        _, number = await self._commands.ask_all([renewal, ("HLEN", key)])
        if number != len(self._here):
            all_here = [word for user in self._here for word in (_utf8(user), 1)]
            await self._commands.ask_all([("MULTI",), ("DEL", key), ("HSET", key, *all_here), renewal, ("EXEC",)])

    async def who(self, users: Collection[str]) -> set[str]:
        """Return who of these is signed in anywhere. Raises Redis's errors."""
        words = [_utf8(user) for user in users]
        nodes = {node.decode() for node in await self._commands.ask("SMEMBERS", NODES)} | {self._node}
        answers = await asyncio.gather(*(self._commands.ask("HMGET", _key(node), *words) for node in nodes))
        return {user for number, user in enumerate(users) if any(answer[number] for answer in answers)}

    def _hint(self, user: str) -> None:
        words = ("kind", "online", "user_id", _utf8(user))
        self._commands.tell("XADD", keys.SIGNALS, "MAXLEN", "~", keys.SIGNALS_KEPT, "*", *words)


def _key(node: str) -> str:
    """Return where a node keeps who is signed in on it: user → 1."""
    return f"taboor:online:{node}"


def _utf8(user: str) -> bytes:
    return user.encode(errors="backslashreplace")
