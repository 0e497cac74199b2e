"""Tell clients that can resume how far their channels are: now and then also where nothing is said.

Or whoever listened in silence for an hour would come back with a position of an hour ago, which no stream reaches.
"""

import asyncio

from services.realtime import frames
from services.realtime.bus import Bus
from services.realtime.hub import Hub
from services.realtime.sockets import Socket
from services.realtime.wire import pack

AT_ONCE = 100  # connections; what is heard meanwhile has its turn in between


class Positions:
    def __init__(self, hub: Hub, bus: Bus) -> None:
        self._hub, self._bus = hub, bus
        self._channels: dict[Socket, tuple[str, ...]] = {}

    def follow(self, socket: Socket, channel: str) -> None:
        """This subscription can resume."""
        known = self._channels.get(socket, ())
        if channel not in known:
            self._channels[socket] = (*known, channel)

    def leave(self, socket: Socket, channel: str) -> None:
        if socket in self._channels:
            self._channels[socket] = tuple(name for name in self._channels[socket] if name != channel)

    def forget(self, socket: Socket) -> None:
        """A connection has ended."""
        self._channels.pop(socket, None)

    async def run(self, every: float) -> None:
        told = 0
        while True:
            await asyncio.sleep(every)
            if self._bus.reached not in (0, told):
                told = self._bus.reached
                await self._tell_all()

    async def _tell_all(self) -> None:
        for number, socket in enumerate(tuple(self._channels)):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            self._tell(socket)

    def _tell(self, socket: Socket) -> None:
        """Only of what it has been sent: a held subscription is not there yet."""
        live = [name for name in self._channels.get(socket, ()) if self._hub.settle(name, socket)]
        if live:
            socket.push(b"".join([pack(frames.position(name, self._bus.reached)) for name in live]))
