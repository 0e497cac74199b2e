"""What PostgreSQL has acknowledged outlives the death of its postmaster, again and again, under load."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event

import psycopg
import pytest

from shared.engines.postgres import PostgresServer
from tests.ports import free_port
from tests.waiting import wait_until

CUSTOMERS = ("layla", "omar", "nour", "ليلى")


def write_until(over: Event, server: PostgresServer, customer: str, acknowledged: list[tuple[str, int]]) -> None:
    """Write numbered orders, each its own commit, and note those that the server has acknowledged."""
    numbers: Iterator[int] = count(1)
    while not over.is_set():
        try:
            with psycopg.connect(server.url, autocommit=True, connect_timeout=2) as connection:
                while not over.is_set():
                    order = (customer, next(numbers))
                    connection.execute("INSERT INTO ledger VALUES (%s, %s)", order)
                    acknowledged.append(order)
        except psycopg.OperationalError:
            over.wait(0.05)  # it is dead or coming back; the number is used up, so nothing is written twice


def has_grown_to(size: int, orders: list[tuple[str, int]]) -> bool:
    return len(orders) >= size


@pytest.mark.proof
def test_no_acknowledged_order_is_lost_when_the_postmaster_is_killed_under_load(
    engines_folder: Path, dice: random.Random, scaled: Callable[[int, int], int]
) -> None:
    acknowledged: list[tuple[str, int]] = []
    over = Event()
    with PostgresServer(engines_folder / "postgres-under-fire", free_port()) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE ledger (customer text, number int, PRIMARY KEY (customer, number))")
        # Given four customers who order without a pause
        with ThreadPoolExecutor(len(CUSTOMERS)) as customers:
            writing = [customers.submit(write_until, over, server, name, acknowledged) for name in CUSTOMERS]
            try:
                # When the postmaster is killed, wherever it is just then, and started again
                for _ in range(scaled(10, 2)):
                    enough = len(acknowledged) + dice.randint(50, 500)
                    wait_until(partial(has_grown_to, enough, acknowledged), timeout=30)
                    server.kill()
                    server.start()
            finally:
                over.set()
            for customer in writing:
                customer.result()
        # Then every acknowledged order is there
        with psycopg.connect(server.url) as connection:
            stored = set(connection.execute("SELECT customer, number FROM ledger").fetchall())
    assert len(acknowledged) >= scaled(10, 2) * 50
    assert set(acknowledged) - stored == set()
