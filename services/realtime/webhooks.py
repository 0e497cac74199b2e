"""Tell the app's webhook of channels, members, client events and cache misses: signed, in order, until it listens."""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Mapping

import httpx
import structlog

log = structlog.get_logger()

MOST = 10_000  # that wait; what comes then is lost, and the log says so
TOGETHER = 100  # in one request
GATHER = 0.02  # seconds: what comes together goes together
PATIENCE = 10.0  # seconds for one answer
GIVE_UP = 300.0  # seconds after the first attempt
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0

Event = Mapping[str, object]


class Webhooks:
    """`tell()` queues; `run()` sends. Without an address it does nothing."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._url, self._key, self._secret = url, key, secret.encode()
        self._waiting: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._clock = time.monotonic
        self.lost = 0

    def tell(self, event: Event) -> None:
        """Queue an event: `{"name": "channel_occupied", "channel": …}`."""
        if not self._url:
            return
        if len(self._waiting) >= MOST:
            self._lose(1, "too many wait")
            return
        self._waiting.append(event)
        self._wake.set()

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER)
                while some := self._some():
                    await self._deliver(client, some)
                self._wake.clear()

    async def finish(self, seconds: float) -> None:
        """Wait until all is told, at most so long; what waits then is lost."""
        deadline = self._clock() + seconds
        while self._wake.is_set() and self._clock() < deadline:  # noqa: ASYNC110 - an event for the end of a queue would be more
            await asyncio.sleep(GATHER)

    def _some(self) -> list[Event]:
        return _newest_counts([self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))])

    async def _deliver(self, client: httpx.AsyncClient, events: list[Event]) -> None:
        """Send until it is taken, with longer and longer pauses; what nobody took for five minutes is lost."""
        body = json.dumps({"time_ms": time.time_ns() // 1_000_000, "events": events}, ensure_ascii=False)
        content = body.encode(errors="replace")  # half a surrogate pair, of a client's event
        give_up, pause = self._clock() + GIVE_UP, FIRST_PAUSE
        while not await self._taken(client, content):
            if self._clock() + pause > give_up:
                self._lose(len(events), "nobody took them")
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _taken(self, client: httpx.AsyncClient, content: bytes) -> bool:
        signature = hmac.digest(self._secret, content, hashlib.sha256).hex()
        headers = {"X-Pusher-Key": self._key, "X-Pusher-Signature": signature, "Content-Type": "application/json"}
        try:
            answer = await client.post(self._url, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the webhook does not answer", error=repr(error))
            return False
        if not answer.is_success:
            log.warning("the webhook refused", status=answer.status_code)
        return answer.is_success

    def _lose(self, number: int, why: str) -> None:
        if not self.lost or why != "too many wait":
            log.error("webhook events are lost", number=number, why=why)
        self.lost += number


def _newest_counts(events: list[Event]) -> list[Event]:
    """Leave out the counts of a channel that a later one of the same request makes old."""
    last = {event["channel"]: n for n, event in enumerate(events) if event["name"] == "subscription_count"}
    return [
        event for n, event in enumerate(events) if event["name"] != "subscription_count" or last[event["channel"]] == n
    ]
