"""Redis wiped, and Redis away: it only hurries things along."""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest

from tests.audited import Tell
from tests.house import Customer, House, Open
from tests.waiting import wait_until

QUEUED = "select count(*) from jobs where state = 'queued'"
SLOWER_AT_MOST = 0.06
ROUNDS = 4


def order_all(house: House, customers: Sequence[Customer], product: UUID) -> tuple[list[UUID], list[float]]:
    """Place an order for each, four at a time; return their ids and how long each answer took."""

    def order(customer: Customer) -> tuple[UUID, float]:
        began = time.monotonic()
        return house.order(customer, product), time.monotonic() - began

    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(order, customers))
    return [order_id for order_id, _ in answers], [seconds for _, seconds in answers]


@pytest.mark.proof
@pytest.mark.parametrize("at_least", [16, 100_000], ids=["hand-over bound", "hand-over unbounded"])
def test_a_wipe_of_redis_with_a_thousand_open_jobs_delays_them_and_nothing_else(
    open_house: Open, scaled: Callable[[int, int], int], tell: Tell, at_least: int
) -> None:
    house = open_house(hand_over_at_least=at_least)
    number = scaled(1000, 120)
    customers, product = house.customers(number), house.products()["siwa-basket"]
    house.stock("siwa-basket", number)
    # Given open jobs, as many of them in Redis as may be, and nobody who works
    for unit in house.units:
        unit.down()
    orders, _ = order_all(house, customers, product)
    wait_until(lambda: house.one("select count(*) from jobs where name = 'reserve_stock'") == number, 60)
    in_redis = min(at_least, number)
    wait_until(lambda: house.one(QUEUED) >= in_redis, 60)
    # When Redis forgets everything, before they start and once more in the middle of it
    house.flush()
    began = time.monotonic()
    for unit in house.units:
        unit.up()
    done = "select 1 from (select count(*) as n from jobs where state = 'succeeded') done where n >= %s"
    wait_until(partial(house.sql, done, number), 120)
    house.flush()
    house.wait_until_quiet(180)
    # Then all of them ran, and had their effect once
    assert house.statuses(orders) == {"shipped": number}
    assert house.charged() == number
    again = house.one("select count(*) from jobs where handovers > 1")
    tell(in_redis=in_redis, handed_over_again=again, all_ended_in=time.monotonic() - began, **house.check(orders))
    assert again >= in_redis


@pytest.mark.alone
@pytest.mark.proof
def test_orders_are_accepted_as_fast_without_redis_and_flow_when_it_is_back(
    house: House, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    number = scaled(150, 30)
    product = house.products()["siwa-basket"]
    house.plenty()
    orders, _ = order_all(house, house.customers(number), product)  # so that connections and statements are warm
    house.wait_until_quiet(120)
    # Given orders with Redis and without it, turn about; nobody else uses the processor meanwhile
    others = [*house.relays, *house.units]
    for process in others:
        process.down()
    with_it, without_it = [], []
    for _ in range(ROUNDS):
        with_it.append(p99_of(house, number, orders))
        house.redis.kill()
        without_it.append(p99_of(house, number, orders))
        readiness = house.http.get("/readyz").json()
        house.redis.start()
    # When it is back
    back = time.monotonic()
    for process in others:
        process.up()
    house.wait_until_quiet(180)
    # Then all flow
    tell(
        p99_ms_with_redis=[round(p99 * 1000) for p99 in with_it],
        p99_ms_without=[round(p99 * 1000) for p99 in without_it],
        all_ended_after=time.monotonic() - back,
        **house.check(orders),
    )
    assert readiness == {"status": "degraded: redis"}
    # The best round of each: in the others this machine was busy with something else
    assert min(without_it) < min(with_it) + SLOWER_AT_MOST


def p99_of(house: House, number: int, orders: list[UUID]) -> float:
    """Place so many orders and note them; return what 99 of 100 answers took at most."""
    placed, answers = order_all(house, house.customers(number), house.products()["siwa-basket"])
    orders += placed
    return statistics.quantiles(answers, n=100)[98]
