"""A customer's client that follows orders as services/web/src/echo.ts does: it resumes, drops what it knows, refetches.

One socket follows many channels. A connection that is lost is made again at once, at another node.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from shared.events.catalogue import EVENTS, NotificationSent, OrderEvent
from shared.ids import new_id
from tests.following_page import Chapter, Page
from tests.house import Customer
from tests.realtime_client import KEY

#: What an order's channel and its owner's tell.
HEARD = {event.__name__ for event in EVENTS if issubclass(event, OrderEvent)} | {NotificationSent.__name__}
LINES = 6  # requests at once, as a browser's
SILENCE = (1.5, 2.5)  # seconds without a frame until the service is asked, and until it is given up
ATTEMPT = 2.0  # seconds for a connection
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
PATIENCE = 3.0  # seconds that a customer watches an order before the next
AGAIN = 0.5  # seconds until a subscription is asked for again


class Follower:
    """`ports`: of the nodes. Everything in here happens in one event loop."""

    def __init__(self, customer: Customer, api: httpx.AsyncClient, ports: Sequence[int]) -> None:
        self.customer = customer
        self.pages = {f"private-user.{customer.id}": Page(f"private-user.{customer.id}")}
        self.figures: Counter[str] = Counter()
        self.strange: list[str] = []  # what should never have been said
        self.port = random.choice(ports)
        self._api, self._ports = api, ports
        self._socket: ClientConnection | None = None
        self._socket_id = ""
        self._lines = asyncio.Semaphore(LINES)
        self._unsent: dict[UUID, asyncio.Task[set[int]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answered, self._heard = asyncio.Event(), asyncio.Event()

    @property
    def connected(self) -> bool:
        return bool(self._socket_id)

    async def order(self, product: UUID) -> UUID:
        """Place an order, and follow it."""
        order = {"items": [{"product_id": str(product), "quantity": 1}], "payment_method": "pm_card_visa"}
        answer = await self._ask("POST", "/orders", json=order, headers={"Idempotency-Key": new_id().hex})
        order_id = UUID(answer["id"])
        self.follow(Page(f"private-orders.{order_id}", order_id))
        return order_id

    async def watch(self, order_id: UUID) -> None:
        """Watch an order until something is heard of it, for a while."""
        page = self.pages[f"private-orders.{order_id}"]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(page.now.heard) < 2:
                    self._heard.clear()
                    await self._heard.wait()

    def follow(self, page: Page) -> None:
        self.pages[page.channel] = page
        if self._socket_id:
            self._soon(self._subscribe(page, self._socket_id))

    async def run(self) -> None:
        """Be connected, until cancelled."""
        failures = 0
        while True:
            before = self.figures["connections"]
            code = await self._visit()
            failures = 0 if self.figures["connections"] > before else failures + 1
            self._socket_id, self._socket = "", None
            if 4000 <= code < 4100:
                self.strange.append(f"closed with {code}: do not come back")
                return
            self.port = random.choice([port for port in self._ports if port != self.port] or list(self._ports))
            if failures or 4100 <= code < 4200:
                await asyncio.sleep(min(FIRST_WAIT * 2.0**failures, LONGEST_WAIT) * random.uniform(0.75, 1.25))

    async def _visit(self) -> int:
        """Connect and listen; return the code with which it ended."""
        url = f"ws://127.0.0.1:{self.port}/app/{KEY}?protocol=7&client=python&version=1"
        with suppress(OSError, TimeoutError, WebSocketException, EOFError):
            socket = await connect(url, proxy=None, compression=None, ping_interval=None, open_timeout=ATTEMPT)
            try:
                await self._listen(socket)
            except ConnectionClosed as end:
                code = end.rcvd.code if end.rcvd else 1006
                self.figures[f"closed with {code}"] += 1
                return code
            finally:
                socket.transport.abort()  # a frozen node would not answer a farewell
        self.figures["attempts in vain"] += 1
        return 1006

    async def _listen(self, socket: ClientConnection) -> None:
        hello = json.loads(await asyncio.wait_for(socket.recv(), ATTEMPT))
        if hello["event"] != "pusher:connection_established":
            await socket.recv()  # its close
        self.figures["connections"] += 1
        self._socket, self._socket_id = socket, json.loads(hello["data"])["socket_id"]
        for page in self.pages.values():
            page.subscribed = False
            self._soon(self._subscribe(page, self._socket_id))
        while True:
            self._read(json.loads(await self._next(socket)))

    async def _next(self, socket: ClientConnection) -> str | bytes:
        with suppress(TimeoutError):
            return await asyncio.wait_for(socket.recv(), SILENCE[0])
        await socket.send('{"event":"pusher:ping","data":{}}')
        try:
            return await asyncio.wait_for(socket.recv(), SILENCE[1])
        except TimeoutError:
            self.figures["given up"] += 1
            raise

    def _read(self, frame: dict[str, Any]) -> None:
        event = frame["event"]
        if event == "pusher:pong":
            self._answered.set()
        page = self.pages.get(frame.get("channel", ""))
        if page is None:
            if event not in ("pusher:pong", "pusher:error"):
                self.strange.append(f"not asked for: {frame}")
            return
        data = frame.get("data") or {}
        data = json.loads(data) if isinstance(data, str) else data
        match event:
            case "pusher_internal:subscription_succeeded":
                self._joined(page)
            case "pusher:position":
                page.stand(data["position"])
            case "pusher:resume_failed":
                self.figures["told to refetch"] += 1
                self._soon(self._refetch(page, page.doubt()))
            case "pusher:subscription_error":
                self.figures["subscriptions put off"] += 1
                self._soon(self._subscribe(page, self._socket_id, AGAIN))
            case _:
                self._hear(page, event, data)

    def _joined(self, page: Page) -> None:
        page.subscribed = True
        if page.reached is None:  # subscribe first, then fetch
            self._soon(self._refetch(page, page.now))
        else:
            self.figures["resumed"] += 1

    def _hear(self, page: Page, event: str, data: dict[str, Any]) -> None:
        if "event_id" not in data:
            return  # a signal
        whose = data["order"] if "order" in data else {"id": data["order_id"], "user_id": data["user_id"]}
        mine = whose["user_id"] == str(self.customer.id) and page.order_id in (None, UUID(whose["id"]))
        if not mine or event.rpartition("\\")[2] not in HEARD:
            self.strange.append(f"another's: {event} on {page.channel}: {data}")
        self.figures["events"] += 1
        page.hear(data["event_id"])
        self._heard.set()

    async def _subscribe(self, page: Page, socket_id: str, wait: float = 0) -> None:
        await asyncio.sleep(wait)
        if socket_id != self._socket_id:
            return
        reached = {name: one.reached for name, one in self.pages.items() if one.reached is not None}
        asked = {"socket_id": socket_id, "channel_name": page.channel, "last_event_ids": json.dumps(reached)}
        signed = await self._ask("POST", "/broadcasting/auth", data=asked)
        if self._socket is not None and socket_id == self._socket_id:
            data = {"channel": page.channel, **signed}
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps({"event": "pusher:subscribe", "data": data}))

    async def _refetch(self, page: Page, chapter: Chapter) -> None:
        orders = [page.order_id] if page.order_id else await self._my_orders()
        facts = await asyncio.gather(*(self._facts(order_id) for order_id in orders))
        chapter.fetched = set().union(*facts)

    async def _my_orders(self) -> list[UUID]:
        found, more = [], ""
        while True:
            answer = await self._ask("GET", f"/orders?limit=100{more}")
            found += [UUID(order["id"]) for order in answer["items"]]
            if not answer["next_cursor"]:
                return found
            more = f"&cursor={answer['next_cursor']}"

    def _facts(self, order_id: UUID) -> asyncio.Task[set[int]]:
        """Ask for an order's facts; who asks before the question is sent shares its answer."""
        if order_id not in self._unsent:
            self._unsent[order_id] = asyncio.create_task(self._fetch(order_id))
        return self._unsent[order_id]

    async def _fetch(self, order_id: UUID) -> set[int]:
        async with self._lines:
            del self._unsent[order_id]
            timeline = await self._ask_now("GET", f"/orders/{order_id}/timeline")
        self.figures["fetches"] += 1
        return {fact["position"] for fact in timeline["events"] if fact["name"] in HEARD and fact["position"]}

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        async with self._lines:
            return await self._ask_now(method, path, **more)

    async def _ask_now(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """Ask the API; what it cannot answer just now, or on a line that it closed just then, is asked again."""
        known = {**self.customer.headers, **(headers or {})}
        while True:
            with suppress(httpx.TransportError):
                answer = await self._api.request(method, path, headers=known, **more)
                if answer.status_code not in (409, 500, 503):
                    return answer.raise_for_status().json()
            self.figures["asked again"] += 1
            await asyncio.sleep(FIRST_WAIT)

    async def barrier(self) -> None:
        """Wait until all that was sent before is read: the service answers a ping behind it."""
        self._answered.clear()
        if self._socket is not None:
            await self._socket.send('{"event":"pusher:ping","data":{}}')
            await asyncio.wait_for(self._answered.wait(), 20)

    def _soon(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.strange.append(repr(error))

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
