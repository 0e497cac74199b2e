"""Who is signed in, on all nodes; and who watches whom: the watchlist of the Pusher protocol."""

from collections.abc import Coroutine
from typing import Any

import structlog
from redis import RedisError

from services.realtime import frames
from services.realtime.effects import SignIn
from services.realtime.hearing import ONLINE
from services.realtime.hub import Hub
from services.realtime.presence import Presence
from services.realtime.redis_wire import Commands, Trouble
from services.realtime.sockets import Socket
from shared.broadcasting import keys

log = structlog.get_logger()


class Watching:
    def __init__(self, hub: Hub, commands: Commands, presence: Presence) -> None:
        self._hub, self._commands, self._presence = hub, commands, presence
        self._watchers: dict[str, set[Socket]] = {}
        self._watched: dict[Socket, tuple[str, ...]] = {}

    def sign_in(self, socket: Socket, effect: SignIn) -> Coroutine[Any, Any, None] | None:
        """Sign a connection in, or return what is to be waited for."""
        again = socket.core.user_id is not None
        socket.core.user_id = effect.user_id
        self._hub.users.setdefault(effect.user_id, set()).add(socket)
        socket.say(frames.signed_in(effect.user_data))
        self._watch(socket, effect.watchlist)
        return self._announce(socket, effect, again=again) if effect.watchlist or not again else None

    async def sign_out(self, socket: Socket, user_id: str) -> None:
        """A signed-in connection has ended."""
        self._watch(socket, ())
        sockets = self._hub.users.get(user_id, set())
        sockets.discard(socket)
        if not sockets:
            self._hub.users.pop(user_id, None)
        await self._presence.leave(ONLINE, socket.socket_id)

    def changed(self, user_id: str, online: bool) -> None:
        """Tell whoever watches a user who came or went."""
        frame = frames.watchlist(("online" if online else "offline", [user_id]))
        for socket in self._watchers.get(user_id, ()):
            socket.say(frame)

    def _watch(self, socket: Socket, users: tuple[str, ...]) -> None:
        for user in self._watched.pop(socket, ()):
            self._watchers[user].discard(socket)
            if not self._watchers[user]:
                del self._watchers[user]
        if users:
            self._watched[socket] = users
        for user in users:
            self._watchers.setdefault(user, set()).add(socket)

    async def _announce(self, socket: Socket, effect: SignIn, *, again: bool) -> None:
        try:
            if not again:
                me = frames.encode({"user_id": effect.user_id})
                await self._presence.join(ONLINE, socket.socket_id, effect.user_id, me)
            if effect.watchlist:
                socket.say(await self._state(effect.watchlist))
        except (RedisError, *Trouble) as error:
            log.warning("a sign-in that other users do not hear of", error=repr(error))
        if socket.closing:
            await self._presence.leave(ONLINE, socket.socket_id)

    async def _state(self, users: tuple[str, ...]) -> str:
        words = [user.encode(errors="backslashreplace") for user in users]
        counts = await self._commands.ask("HMGET", keys.presence_count(ONLINE), *words)
        online = [user for user, count in zip(users, counts, strict=True) if count]
        offline = [user for user, count in zip(users, counts, strict=True) if not count]
        return frames.watchlist(*((name, some) for name, some in (("online", online), ("offline", offline)) if some))
