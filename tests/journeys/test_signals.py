"""How many are left is told to whoever looks at the shop, when pieces are promised, given back or sold."""

import json
from typing import Any

from redis import Redis

from services.worker.inventory import reserve_stock
from shared.broadcasting import keys
from shared.config import settings
from tests.shop import Shop
from tests.waiting import wait_until


def available() -> list[int]:
    """Return what was told, in order."""
    with Redis.from_url(settings().redis_url) as client:
        entries: Any = client.xrange(keys.SIGNALS)
    told = [json.loads(fields[b"data"]) for _, fields in entries if fields[b"event"].endswith(b"StockChanged")]
    return [data["available"] for data in told]


def test_everybody_hears_how_many_are_left_when_an_order_takes_some_and_gives_them_back(shop: Shop) -> None:
    # Given ten desks
    shop.stock(walnut_desk=10)
    order = shop.place(walnut_desk=3)
    # When three are promised
    shop.attempt(reserve_stock)
    # Then seven are left
    wait_until(lambda: available()[-1:] == [7])
    # And ten when the order is cancelled
    shop.request_cancellation(order)
    shop.work()
    assert shop.status(order)[0] == "cancelled"
    wait_until(lambda: available()[-1:] == [10])


def test_nobody_hears_of_what_could_not_be_promised(shop: Shop) -> None:
    shop.stock(walnut_desk=2, brass_lamp=1)
    shop.place(walnut_desk=3)
    shop.attempt(reserve_stock)
    shop.place(brass_lamp=1)
    shop.attempt(reserve_stock)
    wait_until(available)
    assert available() == [0]  # of lamps
