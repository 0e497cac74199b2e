"""Answers that do not end: how many there are, what each is told, and that they end when the process does."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import redis
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.api import metrics
from services.api.following import Follower, News
from services.api.problems import RETRY_AFTER, Problem, answer
from shared.config import settings

EACH = 10  # streams of one user
PATIENCE = 30.0  # seconds for a client that does not read what it is sent
REST = 1.0  # seconds, while Redis is away
NEW_LINE = re.compile(r"\r\n|\r|\n")  # what is one in an event stream; `splitlines` knows more
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep it for itself

log = structlog.get_logger()


class Streams:
    """The open streams of this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[UUID] = Counter()
        self.stopping = asyncio.Event()

    @contextmanager
    def place(self, user_id: UUID) -> Iterator[None]:
        """Hold a place for a stream, or refuse it."""
        if self.stopping.is_set() or self._open.total() >= self._most:
            raise Problem(503, "crowded", "Too many listen at once; try again.", headers=RETRY_AFTER)
        if self._open[user_id] >= EACH:
            raise Problem(429, "too_many_streams", f"You have {EACH} streams already.", headers=RETRY_AFTER)
        self._open[user_id] += 1
        try:
            with metrics.STREAMS.track_inprogress():
                yield
        finally:
            self._open[user_id] -= 1
            self._open += Counter()  # forgets whoever has none

    def stop(self) -> None:
        """End all streams: their clients come back, to another process, and go on where they were."""
        self.stopping.set()


class EventStream(Response):
    """Server-Sent Events for one user, from one follower, while they may listen."""

    media_type = "text/event-stream"

    def __init__(
        self, streams: Streams, user_id: UUID, may_go_on: Callable[[], bool], make_follower: Callable[[], Follower]
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._streams, self._user_id, self._may_go_on, self._make_follower = streams, user_id, may_go_on, make_follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._streams.place(self._user_id):
                await self._stream(receive, send)
        except Problem as refused:
            await answer(refused)(scope, receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        follower = self._make_follower()
        gone = _started(_hang_up(receive))
        talk = _started(_Talk(follower, self._may_go_on, send, self.raw_headers).run())
        stop = _started(self._streams.stopping.wait())
        try:
            await asyncio.wait((gone, talk, stop), return_when=asyncio.FIRST_COMPLETED)
            if talk.done():
                talk.result()  # or raise its error
        except TimeoutError:
            log.info("a listener does not read")
            return
        finally:
            await _ended({gone, talk, stop})
            await follower.close()
        if not gone.done() or gone.cancelled():
            await send({"type": "http.response.body", "body": b""})


class _Talk:
    """What one client is told."""

    def __init__(self, follower: Follower, may_go_on: Callable[[], bool], send: Send, headers: Any) -> None:
        self._follower, self._may_go_on, self._send, self._headers = follower, may_go_on, send, headers
        self._told: int | None = follower.position

    async def run(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
        # Whoever is sent away together does not come back together.
        await self._say(f"retry: {random.randint(500, 2500)}\n\n")  # noqa: S311 - no secret
        while True:
            over = await self._tell_until(time.monotonic() + settings().sse_heartbeat_seconds)
            if over or not await run_in_threadpool(self._may_go_on):
                await self._say("event: session_ended\ndata: {}\n\n")
                return
            await self._say(f": still here\n{self._bookmark()}\n")

    async def _tell_until(self, until: float) -> bool:
        """Tell what is new; at once say whether it is over."""
        while (seconds := until - time.monotonic()) > 0:
            news = await self._news(seconds)
            await self._tell(news)
            if news.over:
                return True
        return False

    async def _news(self, seconds: float) -> News:
        """Wait for news; while Redis is away there are none, and the follower goes on where it was."""
        try:
            return await self._follower.next(seconds)
        except (redis.RedisError, OSError) as error:
            log.warning("a stream waits for Redis", error=repr(error))
            await asyncio.sleep(min(REST, seconds))
            return News()

    async def _tell(self, news: News) -> None:
        if news.lost:
            bookmark = "" if news.said else self._bookmark()
            await self._say(f"event: resume_failed\n{bookmark}data: {{}}\n\n")
        for said in news.said:
            self._told = said.position
            await self._say(f"event: {said.event}\nid: {said.position}\n{_lines(said.data)}\n")
        if self._told is None and (bookmark := self._bookmark()):
            await self._say(f"{bookmark}\n")  # somebody who has heard nothing yet can go on from here as well

    def _bookmark(self) -> str:
        """Return the line that says how far this stream has come; it moves on though nothing is said here."""
        self._told = self._follower.position or None
        return f"id: {self._told}\n" if self._told else ""

    async def _say(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def _lines(data: str) -> str:
    return "".join(f"data: {line}\n" for line in NEW_LINE.split(data))


async def _hang_up(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel them until they have ended: a library on their way may swallow a cancellation."""
    while left := {task for task in tasks if not task.done()}:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.5)
    for task in tasks:
        _ = task.cancelled() or task.exception()  # it has been seen


def _started(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work)
