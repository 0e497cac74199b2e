"""Who listens here: the channels, sockets and users of this node, and the sending to them."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from services.realtime.channel import Channel, Subscriber
from services.realtime.liveness import Pinged


class Member(Subscriber, Pinged, Protocol):
    """A connection, as the hub knows it."""

    @property
    def socket_id(self) -> str: ...


class Hub:
    """`deliver()` gathers what is said in one turn of the loop, and sends it together."""

    def __init__(self, changed: Callable[[str, int], None]) -> None:
        """changed: told how many subscriptions a channel has now."""
        self.channels: dict[str, Channel] = {}
        self.sockets: dict[str, Member] = {}
        self.users: dict[str, set[Member]] = {}
        self.deliveries = 0
        self._changed = changed
        self._waiting: list[Channel] = []
        self._loop = asyncio.get_running_loop()

    def subscribe(self, name: str, socket: Member, *, hold: bool = False) -> Channel:
        """Add a subscriber. hold: what is delivered is kept back until `Channel.release`."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel(name)
        self._flush(channel)  # what was said before is not for who comes now
        channel.add(socket, hold=hold)
        self._tell(name, len(channel))
        return channel

    def release(self, name: str, socket: Member, *, fact: int, signal: int) -> list[bytes]:
        """End a hold; return what was kept and is new to whoever was told as far as `fact` and `signal`."""
        channel = self.channels[name]
        self._flush(channel)
        return channel.release(socket, fact, signal)

    def unsubscribe(self, name: str, socket: Member) -> None:
        channel = self.channels.get(name)
        if channel is None or not channel.remove(socket):
            return
        if not len(channel):
            del self.channels[name]
        self._tell(name, len(channel))

    def deliver(self, name: str, frame: bytes, *, fact: int = 0, signal: int = 0, without: str = "") -> None:
        """Send a frame to a channel's subscribers. fact, signal: its place in the stream that it came by."""
        if channel := self.channels.get(name):
            if not channel.waiting:
                if not self._waiting:
                    self._loop.call_soon(self._flush_all)
                self._waiting.append(channel)
            channel.say(frame, fact, signal, self.sockets.get(without) if without else None)

    def settle(self, name: str, socket: Member) -> bool:
        """Send what waits in a channel. Says whether this subscriber now has all that was said: none is kept back."""
        channel = self.channels.get(name)
        if channel is None or socket not in channel.live:
            return False
        self._flush(channel)
        return True

    def add(self, socket: Member) -> None:
        self.sockets[socket.socket_id] = socket

    def remove(self, socket: Member, names: Iterable[str]) -> None:
        """Forget a connection and its subscriptions."""
        self.sockets.pop(socket.socket_id, None)
        for name in names:
            self.unsubscribe(name, socket)

    def close_user(self, user_id: str) -> None:
        for socket in tuple(self.users.get(user_id, ())):
            socket.shut(4009, "Connection terminated by the application")

    @property
    def subscriptions(self) -> int:
        return sum(map(len, self.channels.values()))

    def _tell(self, name: str, count: int) -> None:
        if not name.startswith("#"):
            self._changed(name, count)

    def _flush_all(self) -> None:
        channels, self._waiting = self._waiting, []
        for channel in channels:
            self.deliveries += channel.flush()

    def _flush(self, channel: Channel) -> None:
        self.deliveries += channel.flush()
