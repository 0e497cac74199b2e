"""Many want what there is little of: not one piece is promised twice, and nobody waits for ever."""

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from shared.db.engine import thread_connection
from shared.jobs.runner import run
from shared.jobs.running import Claimed
from tests.shop import Shop


def run_these(attempts: list[Claimed]) -> None:
    """Be a worker's thread, with a connection of its own."""
    for attempt in attempts:
        run(attempt)
    thread_connection().close()


def reserve_with(shop: Shop, workers: int) -> None:
    """Have some workers reserve at once until nothing is left to reserve."""
    while shop.expand():
        pass
    while due := shop.claim("reserve_stock"):
        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(run_these, [due[share::workers] for share in range(workers)]))
    while shop.expand():
        pass


def ends(shop: Shop, orders: list[UUID]) -> list[str]:
    return sorted(shop.status(order)[0] for order in orders)


def test_200_customers_and_50_desks_make_50_reservations(shop: Shop) -> None:
    # Given fifty desks and two hundred customers who want one each
    shop.stock(walnut_desk=50)
    orders = [shop.place(walnut_desk=1) for _ in range(200)]

    # When eight workers reserve at once
    reserve_with(shop, 8)

    # Then fifty have one, the others know that they do not
    assert ends(shop, orders) == ["rejected"] * 150 + ["reserved"] * 50
    assert {shop.status(order) for order in orders} == {("reserved", None), ("rejected", "out_of_stock")}
    assert shop.product() == (50, 50, 0)
    assert shop.check_books() == []


def test_orders_of_the_same_products_named_in_another_order_never_wait_for_each_other_for_ever(
    shop: Shop, dice: random.Random
) -> None:
    # Given enough desks and lamps, and orders that want both, or one of them
    shop.stock(walnut_desk=300, brass_lamp=300)
    wishes = [{"walnut_desk": 1, "brass_lamp": 2}, {"brass_lamp": 1, "walnut_desk": 1}, {"walnut_desk": 2}]
    chosen = [dice.choice(wishes) for _ in range(100)]
    orders = [shop.place(card="pm_card_visa", **wish) for wish in chosen]

    # When eight workers reserve at once
    reserve_with(shop, 8)

    # Then all have what they want, and no try was burned by a deadlock
    assert ends(shop, orders) == ["reserved"] * 100
    assert shop.product("walnut-desk")[1] == sum(wish.get("walnut_desk", 0) for wish in chosen)
    assert shop.product("brass-lamp")[1] == sum(wish.get("brass_lamp", 0) for wish in chosen)
    failures = shop.connection.execute("select sum(failures)::int as n from jobs").fetchone()
    assert failures is not None
    assert failures.n == 0


def test_what_a_cancellation_gives_back_the_next_customer_can_have(shop: Shop) -> None:
    # Given the last desk, reserved, and a second customer who was too late
    shop.stock(walnut_desk=1)
    first = shop.place(walnut_desk=1)
    shop.work()
    second = shop.place(walnut_desk=1)
    shop.work()
    assert (shop.status(first)[0], shop.status(second)) == ("confirmed", ("rejected", "out_of_stock"))

    # When the first cancels, and a third wants it
    shop.request_cancellation(first)
    shop.work()
    third = shop.place(walnut_desk=1)
    shop.work()

    # Then the third has it
    assert shop.status(third) == ("confirmed", None)
    assert shop.product() == (1, 1, 0)
    assert shop.check_books() == []
