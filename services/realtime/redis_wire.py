"""Redis spoken directly: commands out, answers in their order. A tenth of what a client library costs a message."""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

import hiredis
import structlog
from redis.asyncio.connection import parse_url

log = structlog.get_logger()

PATIENCE = 5.0  # seconds to connect
PAUSE = 0.2  # seconds between two attempts, and between two looks
WAIT = 1.0  # seconds for a connection that was just lost

#: What goes wrong with Redis, from no answer to one that refuses.
Trouble = (OSError, TimeoutError, hiredis.HiredisError)

Words = tuple[str | bytes | int, ...]


class Wire(asyncio.Protocol):
    """One connection. Its answers are bytes, numbers and lists; an error of Redis's is raised."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its bases

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._hand_over(answer)
        except hiredis.ProtocolError:
            self.close()
            raise

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        while self._asked:
            future = self._asked.popleft()
            if not future.done():
                future.set_exception(ConnectionError(f"Redis is gone: {exc or 'closed'}"))

    @property
    def connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, *words: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command; the future is its answer. Commands asked in one turn of the loop travel together."""
        if self._transport is None:
            raise ConnectionError("Redis is not connected")
        future = self._loop.create_future()
        self._asked.append(future)
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # it takes any tuple of them
        return future

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _hand_over(self, answer: Any) -> None:
        future = self._asked.popleft()
        if future.done():
            return  # nobody waits for it any more
        if isinstance(answer, hiredis.ReplyError):
            future.set_exception(answer)
        else:
            future.set_result(answer)


async def connect(url: str) -> Wire:
    """Connect, sign in and choose the database that the address names."""
    said: dict[str, Any] = dict(parse_url(url))
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        if "path" in said:
            _, wire = await loop.create_unix_connection(Wire, said["path"])
        else:
            secure = ssl.create_default_context() if url.startswith("rediss:") else None
            where = (said.get("host", "localhost"), said.get("port", 6379))
            _, wire = await loop.create_connection(Wire, *where, ssl=secure)
        try:
            await _sign_in(wire, said)
        except BaseException:
            wire.close()
            raise
    return wire


async def _sign_in(wire: Wire, said: dict[str, Any]) -> None:
    if password := said.get("password"):
        await wire.ask("AUTH", *filter(None, (said.get("username"), password)))
    await wire.ask("SELECT", said.get("db", 0))


class Commands:
    """One connection that comes back, for questions that may fail."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wire: Wire | None = None

    def ask(self, *words: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command. Raises ConnectionError while Redis is away."""
        if self._wire is None:
            raise ConnectionError("Redis is not connected")
        return self._wire.ask(*words)

    def tell(self, *words: str | bytes | int) -> None:
        """Send a command whose answer nobody waits for."""
        try:
            self.ask(*words).add_done_callback(_look)
        except ConnectionError as error:
            log.warning("Redis was not told", command=str(words[0]), error=str(error))

    async def ask_all(self, commands: Iterable[Words]) -> list[Any]:
        """Send commands together and return their answers. A connection that is just coming back is waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT
        while not self._connected and loop.time() < deadline:  # noqa: ASYNC110 - a moment once in days needs no event
            await asyncio.sleep(PAUSE / 10)
        return await asyncio.gather(*[self.ask(*words) for words in commands])

    async def run(self) -> None:
        while True:
            if self._wire is None or not self._wire.connected:
                await self._connect()
            else:
                await self._look_at(self._wire)
            await asyncio.sleep(PAUSE)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    @property
    def _connected(self) -> bool:
        return self._wire is not None and self._wire.connected

    async def _look_at(self, wire: Wire) -> None:
        """A Redis that hangs, or a host that is gone, closes nothing by itself."""
        try:
            async with asyncio.timeout(PATIENCE):
                await wire.ask("PING")
        except Trouble as error:
            log.warning("Redis does not answer", error=repr(error))
            wire.close()

    async def _connect(self) -> None:
        try:
            self._wire = await connect(self._url)
        except Trouble as error:
            log.debug("Redis is away", error=repr(error))


def _look(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled() and (error := answer.exception()):
        log.warning("Redis refused what it was told", error=repr(error))
