"""A crowd of customers for the proofs: they order, insist, wait and change their minds while everything breaks."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Self
from uuid import UUID

import httpx

from tests.house import Customer, House
from tests.waiting import wait_until

AT_ONCE = 8


class Crowd:
    """Some customers who order all day: each insists until the order is acknowledged, and waits to see it confirmed.

    fickle: every so many-th asks to cancel instead of waiting, and leaves it at that.
    """

    def __init__(self, house: House, customers: Sequence[Customer], *, fickle: int = 0) -> None:
        house.plenty()
        self._fickle = fickle
        self.orders: list[UUID] = []
        self._house = house
        self._customers = customers
        self._products = list(house.products().values())
        self._over = Event()

    @contextmanager
    def ordering(self) -> Iterator[Self]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            working: list[Future[None]] = [threads.submit(self._order, place) for place in range(AT_ONCE)]
            try:
                yield self
            finally:
                self._over.set()
            for one in working:
                one.result()

    def wait_for_more(self, number: int, timeout: float = 120) -> None:
        """Wait until so many more orders are acknowledged."""
        enough = len(self.orders) + number
        wait_until(lambda: len(self.orders) >= enough, timeout)

    def _order(self, place: int) -> None:
        turn = place
        while not self._over.is_set():
            customer = self._customers[turn % len(self._customers)]
            order_id = self._house.insist(customer, self._products[turn % len(self._products)], 120)
            self.orders.append(order_id)
            if self._fickle and turn % self._fickle == 0:
                with suppress(httpx.TransportError):
                    self._house.cancel(customer, order_id)
            else:
                self._wait_for(customer, order_id)
            turn += AT_ONCE

    def _wait_for(self, customer: Customer, order_id: UUID) -> None:
        """Look at the order now and then; so the shop is never far behind."""
        while not self._over.wait(0.1):
            with suppress(httpx.TransportError):
                answer = self._house.http.get(f"/orders/{order_id}", headers=customer.headers)
                if answer.is_success and answer.json()["status"] not in ("placed", "reserved"):
                    return
