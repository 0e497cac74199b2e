"""Users sign in, and watch one another: the watchlist of the Pusher protocol, on all nodes."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

import structlog

from services.realtime import frames
from services.realtime.effects import SignIn
from services.realtime.hub import Hub
from services.realtime.online import Online
from services.realtime.redis_wire import Trouble
from services.realtime.sockets import Socket

log = structlog.get_logger()

EVERY = 2.0  # seconds: so late is noticed who went with a node that was killed, once its list has died


class Watching:
    """What watchers were told of a user is remembered, so that a change is told once, whoever brings the news."""

    def __init__(self, hub: Hub, online: Online) -> None:
        self._hub, self._online = hub, online
        self._watchers: dict[str, set[Socket]] = {}
        self._watched: dict[Socket, tuple[str, ...]] = {}
        self._told: dict[str, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def sign_in(self, socket: Socket, effect: SignIn) -> Coroutine[Any, Any, None] | None:
        """Sign a connection in, or return what is to be waited for."""
        if socket.core.user_id is None:
            self._online.came(effect.user_id)
        socket.core.user_id = effect.user_id
        self._hub.users.setdefault(effect.user_id, set()).add(socket)
        socket.say(frames.signed_in(effect.user_data))
        if effect.left_out:
            socket.say(frames.error(4302, f"Watchlist limit exceeded: the first {len(effect.watchlist)} are watched"))
        self._watch(socket, effect.watchlist)
        return self._tell_state(socket, effect.watchlist) if effect.watchlist else None

    def sign_out(self, socket: Socket, user_id: str) -> None:
        """A signed-in connection has ended."""
        self._watch(socket, ())
        sockets = self._hub.users.get(user_id, set())
        sockets.discard(socket)
        if not sockets:
            self._hub.users.pop(user_id, None)
        self._online.went(user_id)

    def hint(self, user_id: str) -> None:
        """A user may have come or gone."""
        if user_id in self._watchers:
            task = asyncio.get_running_loop().create_task(self._look((user_id,)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Look now and then, for what nobody hinted at: killed nodes, a Redis that was wiped."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._online.stay()
            except Trouble as error:
                log.debug("who is online has to wait for Redis", error=repr(error))
            if self._watchers:
                await self._look(tuple(self._watchers))

    async def _tell_state(self, socket: Socket, users: tuple[str, ...]) -> None:
        try:
            there = await self._online.who(users)
        except Trouble as error:
            log.warning("a watchlist that Redis did not answer", error=repr(error))
            return
        for user in users:
            self._told.setdefault(user, user in there)
        states = {
            "online": [user for user in users if user in there],
            "offline": [user for user in users if user not in there],
        }
        socket.say(frames.watchlist(*((name, some) for name, some in states.items() if some)))

    async def _look(self, users: Collection[str]) -> None:
        try:
            there = await self._online.who(users)
        except Trouble as error:
            log.debug("who is watched has to wait for Redis", error=repr(error))
            return
        for user in users:
            is_there = user in there
            if self._told.get(user, is_there) != is_there:
                self._tell(user, is_there)

    def _tell(self, user: str, is_there: bool) -> None:
        self._told[user] = is_there
        frame = frames.watchlist(("online" if is_there else "offline", [user]))
        for socket in self._watchers.get(user, ()):
            socket.say(frame)

    def _watch(self, socket: Socket, users: tuple[str, ...]) -> None:
        """Replace whom a connection watches."""
        for user in self._watched.pop(socket, ()):
            self._watchers[user].discard(socket)
            if not self._watchers[user]:
                del self._watchers[user]
                self._told.pop(user, None)
        if users:
            self._watched[socket] = users
        for user in users:
            self._watchers.setdefault(user, set()).add(socket)
