"""Many customers who order and watch it live, for the proofs: each with a socket, some with a second device."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx

from tests.following import Follower
from tests.live_house import LiveHouse
from tests.waiting import wait_until

Answer = TypeVar("Answer")

SECOND_DEVICES = 4  # that follow `user.{id}` alone
FACTS = """
select o.id as order_id, o.user_id, e.position from events e join orders o on o.id = e.aggregate_id
where e.aggregate = 'order' order by e.position
"""


class Audience:
    """`with Audience(house, 16) as audience:`; then `with audience.ordering(1000):`."""

    def __init__(self, house: LiveHouse, customers: int) -> None:
        self._house = house
        self._customers = house.customers(customers)
        self._products = list(house.products().values())
        self.orders: list[UUID] = []
        self._left = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="audience", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        limits = httpx.Limits(max_connections=100)
        self._api = httpx.AsyncClient(base_url=self._house.url, trust_env=False, timeout=60, limits=limits)
        self._watching: list[Future[None]] = []
        devices = [*self._customers, *self._customers[:SECOND_DEVICES]]
        self.followers = [self._do(self._follower(number), 20) for number in range(len(devices))]
        wait_until(lambda: all(page.now.fetched is not None for page in self._pages), 60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = 0
        for watching in self._watching:
            watching.cancel()
        self._do(self._end(), 20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def ordering(self, number: int) -> Iterator[None]:
        """Have so many orders placed meanwhile; at the end all of them are."""
        self._left = number
        buyers = self.followers[: len(self._customers)]
        work = [asyncio.run_coroutine_threadsafe(self._buy(buyer), self._loop) for buyer in buyers]
        try:
            yield
            for one in work:
                one.result(300)
        finally:
            self._left = 0

    def wait_for_more(self, number: int, timeout: float = 120) -> None:
        """Wait until so many more orders are placed, or there are no more."""
        enough = len(self.orders) + number
        wait_until(lambda: len(self.orders) >= enough or not self._left, timeout)

    def on(self, port: int) -> int:
        """Return how many clients are connected to a node."""
        return sum(one.connected and one.port == port for one in self.followers)

    @property
    def figures(self) -> Counter[str]:
        return sum((one.figures for one in self.followers), Counter())

    def check(self, timeout: float = 90) -> Counter[str]:
        """With all quiet: each page was told all of its channel, once and in order, or to refetch. Return figures."""
        facts: dict[UUID, list[int]] = {customer.id: [] for customer in self._customers}
        for fact in self._house.sql(FACTS):
            for owner in (fact.order_id, fact.user_id):
                facts.setdefault(owner, []).append(fact.position)
        pages = [
            (page, facts[page.order_id or one.customer.id]) for one in self.followers for page in one.pages.values()
        ]
        assert {page.order_id for page, _ in pages} - {None} == set(self.orders)
        try:
            wait_until(lambda: all(page.knows(its) for page, its in pages), timeout)
            self._do(self._barrier(), 60)
        finally:
            strange = [what for one in self.followers for what in one.strange]
            assert not strange, strange
            faults = [fault for page, its in pages for fault in page.faults(its)]
            assert not faults, "\n".join([f"{len(faults)} faults", *faults[:20]])
        repeated = sum(page.repeated for page, _ in pages)
        figures = self.figures
        figures.update({"pages": len(pages), "said again": repeated})
        return figures

    @property
    def _pages(self) -> Sequence[Any]:
        return [page for one in self.followers for page in list(one.pages.values())]

    async def _follower(self, number: int) -> Follower:
        customer = self._customers[number % len(self._customers)]
        follower = Follower(customer, self._api, self._house.ports)
        follower.port = self._house.ports[number % len(self._house.ports)]
        self._watching.append(asyncio.run_coroutine_threadsafe(follower.run(), self._loop))
        return follower

    async def _buy(self, buyer: Follower) -> None:
        while self._left > 0:
            self._left -= 1
            order_id = await buyer.order(self._products[self._left % len(self._products)])
            self.orders.append(order_id)
            await buyer.watch(order_id)

    async def _barrier(self) -> None:
        await asyncio.gather(*(one.barrier() for one in self.followers))

    async def _end(self) -> None:
        for one in self.followers:
            await one.end()
        await self._api.aclose()

    def _do(self, work: Coroutine[Any, Any, Answer], timeout: float) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)
