"""`kill -9` of a worker in each step of the check-out, and of the relay between committing and pushing."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from uuid import UUID

import psutil
import pytest

from shared.engines.redis import RedisServer
from tests.audited import Tell
from tests.crowd import Crowd
from tests.house import LEASE, LOCKED, House, Open
from tests.supervised import Supervised
from tests.waiting import wait_until
from tests.wire import Wire

WITHIN = LEASE + 2
LINKS = ("reserve_stock", "charge_payment", "confirm_order")


@contextmanager
def stopped_in(house: House, order_id: UUID, job: str) -> Iterator[Supervised]:
    """Let the order's next link begin and wait for the order's row; what comes after it stays where it is."""
    with house.holding(LOCKED, order_id):
        house.resume()
        unit = house.unit_of(order_id, job)
        house.pause()
        yield unit


def run_link(house: House, order_id: UUID, job: str) -> None:
    with stopped_in(house, order_id, job):
        pass
    wait_until(
        lambda: house.sql(
            "select 1 from jobs where aggregate_id = %s and name = %s and state = 'succeeded'", order_id, job
        )
    )


@contextmanager
def in_link(house: House, order_id: UUID, job: str) -> Iterator[Supervised]:
    """At the beginning of a link: it wants to lock its order."""
    for before in LINKS[: LINKS.index(job)]:
        run_link(house, order_id, before)
    with stopped_in(house, order_id, job) as unit:
        yield unit


@contextmanager
def at_the_gateway(house: House, order_id: UUID, fact: str) -> Iterator[Supervised]:
    """In the middle of a call to the gateway: `fact` is what the payment's row says meanwhile."""
    run_link(house, order_id, "reserve_stock")
    house.sandbox.set(slow_ms=800)
    house.resume()
    wait_until(partial(house.sql, f"select 1 from payments where order_id = %s and {fact}", order_id))
    yield house.unit_of(order_id, "charge_payment")
    house.sandbox.set(slow_ms=0)


@contextmanager
def charged_but_not_written_down(house: House, order_id: UUID) -> Iterator[Supervised]:
    with at_the_gateway(house, order_id, "intent_id is not null") as unit, house.holding(LOCKED, order_id):
        wait_until(partial(house.charged, order_id))
        house.wait_for_lock()
        yield unit


@pytest.mark.alone
@pytest.mark.proof
def test_a_worker_killed_in_any_step_of_the_check_out_delays_its_order_by_no_more_than_its_lease(
    house: House, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    steps: dict[str, Callable[[House, UUID], AbstractContextManager[Supervised]]] = {
        "reserve_stock": partial(in_link, job="reserve_stock"),
        "charge_payment": partial(in_link, job="charge_payment"),
        "making the intent": partial(at_the_gateway, fact="intent_id is null"),
        "charging": partial(at_the_gateway, fact="intent_id is not null"),
        "charged": charged_but_not_written_down,
        "confirm_order": partial(in_link, job="confirm_order"),
    }
    house.sandbox.set(webhooks_off=True)  # a report would settle what the dead worker has left
    customer, product = house.customers(1)[0], house.products()["reading-lamp"]
    orders: list[UUID] = []
    took: dict[str, float] = {}
    for step, reached in list(steps.items()) * scaled(5, 1):
        # Given an order whose check-out is in that step
        house.pause()
        order_id = house.order(customer, product)
        with reached(house, order_id) as unit:
            # When its worker is killed, and stays dead
            unit.down()
            killed = time.monotonic()
        house.resume()
        # Then another takes over when the lease has run out
        house.wait_for_status(order_id, "confirmed", "shipped")
        took[step] = max(time.monotonic() - killed, took.get(step, 0))
        orders.append(order_id)
        unit.up()
        house.wait_for_units()
    house.wait_until_quiet()
    assert house.statuses(orders) == {"shipped": len(orders)}
    tell(**took, **house.check(orders))
    assert max(took.values()) < WITHIN


def links_lost(house: House) -> set[str]:
    """Return the links of the check-out in which a worker has died."""
    lost = "select distinct name from job_attempts a join jobs j on j.id = a.job_id where outcome = 'lost'"
    return {row.name for row in house.sql(lost)} & set(LINKS)


@pytest.mark.proof
def test_workers_killed_again_and_again_in_the_middle_of_everything_do_nothing_twice(
    house: House, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    house.sandbox.set(slow_ms=15)
    kills = scaled(40, 8)
    # When, while many customers order, whatever unit runs the next step is killed, and comes back
    with Crowd(house, house.customers(100)).ordering() as crowd:
        for number in count():
            house.unit_at(LINKS[number % len(LINKS)]).kill()
            house.wait_for_units()
            if number + 1 >= kills and links_lost(house) == set(LINKS):
                break
            assert number < 5 * kills, f"only {links_lost(house)} were hit"
    house.wait_until_quiet(120)
    # Then every order ended, once
    assert set(house.statuses(crowd.orders)) == {"shipped"}
    lost = house.sql("select name from job_attempts a join jobs j on j.id = a.job_id where outcome = 'lost'")
    tell(
        kills=sum(unit.deaths for unit in house.units),
        lost=dict(Counter(row.name for row in lost)),
        **house.check(crowd.orders),
    )
    assert sum(unit.deaths for unit in house.units) >= kills


def speaking(house: House, port: int | None) -> Supervised:
    """Return the relay whose connection that is."""
    for relay in house.relays:
        if port in {connection.laddr.port for connection in psutil.Process(relay.pid).net_connections("tcp")}:
            return relay
    raise AssertionError(f"port {port} is no relay's")


@pytest.mark.alone
@pytest.mark.proof
def test_a_relay_killed_between_committing_and_pushing_loses_no_message_for_long(
    open_house: Open, redis: RedisServer, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    with Wire(redis.port) as wire:
        house = open_house(relays={"redis_url": f"redis://127.0.0.1:{wire.port}/0"})
        customer, product = house.customers(1)[0], house.products()["brass-tray"]
        orders, took = [], []
        for _ in range(scaled(20, 3)):
            # Given a relay that has committed the hand-over, and whose push is on its way
            wire.swallow(b"RPUSH")
            orders.append(house.order(customer, product))
            relay = speaking(house, wait_until(lambda: wire.swallowed_from))
            # When it is killed
            relay.kill()
            killed = time.monotonic()
            # Then the other one finds the row whose message Redis does not have
            house.wait_for_status(orders[-1], "confirmed", "shipped")
            took.append(time.monotonic() - killed)
            house.wait_until_quiet()  # so that the next push is the next order's
        handed_over_again = house.one(
            "select count(*) from jobs where handovers > 1 and lost + failures + deferrals = 0"
        )
        tell(rounds=len(took), slowest=max(took), handed_over_again=handed_over_again, **house.check(orders))
        assert handed_over_again >= len(orders)
        assert max(took) < WITHIN


@pytest.mark.proof
def test_relays_killed_at_random_under_load_lose_nothing_and_hand_over_nothing_twice(
    house: House, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    # When, while many customers order, one relay after the other is killed at a moment of chance, and comes back
    with Crowd(house, house.customers(100)).ordering() as crowd:
        for _ in range(scaled(40, 8)):
            seen = house.one("select count(*) from jobs where state = 'succeeded'")
            more = "select 1 from (select count(*) as n from jobs where state = 'succeeded') done where n >= %s"
            wait_until(partial(house.sql, more, seen + dice.randint(1, 20)), 60)
            wait_until(lambda: all(relay.alive() for relay in house.relays))
            dice.choice(house.relays).kill()
    house.wait_until_quiet(120)
    assert set(house.statuses(crowd.orders)) == {"shipped"}
    again = house.one("select count(*) from jobs where handovers > 1 and lost = 0 and deferrals + failures = 0")
    deaths = sum(relay.deaths for relay in house.relays)
    tell(kills=deaths, messages_lost=again, **house.check(crowd.orders))
    assert deaths == scaled(40, 8)
