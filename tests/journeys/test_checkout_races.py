"""Customers who change their minds in the middle of paying, and workers who do the same thing at once."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from services.worker.gateway import NoAnswer
from services.worker.orders import cancel_order
from shared.db.engine import connect, thread_connection
from shared.jobs.runner import run
from tests.shop import PRICES, Shop

DESK = PRICES["walnut-desk"]
CANCELLED = ("cancelled", "cancelled_by_customer")


def run_all_of_it(shop: Shop, dice: random.Random) -> None:
    """Be a worker: claim whatever is due, a little late, and run it."""
    database = connect()
    quiet = 0
    while quiet < 5:
        claimed = shop.claim(connection=database)
        for attempt in claimed:
            time.sleep(dice.random() * 0.004)
            run(attempt)
        quiet = 0 if claimed else quiet + 1
        time.sleep(dice.random() * 0.01)
    database.close()
    thread_connection().close()


@pytest.mark.parametrize("number", range(6))
def test_a_cancellation_in_the_middle_of_paying_has_exactly_one_outcome(
    shop: Shop, dice: random.Random, number: int
) -> None:
    # Given ten customers who pay, some with a bad card, at a gateway that now and then loses an answer
    shop.stock(walnut_desk=10)
    cards = [dice.choice(["pm_card_visa", "pm_card_visa", "pm_card_visa_chargeDeclined"]) for _ in range(10)]
    orders = [shop.place(walnut_desk=1, card=card) for card in cards]
    shop.expand()
    shop.sandbox.set(no_answer_after_charging=dice.randrange(3), stored_500_after_charging=dice.randrange(3))

    # When each asks to cancel at some moment while three workers run, and time is up for some
    with ThreadPoolExecutor(3) as workers:
        running = [workers.submit(run_all_of_it, shop, random.Random(dice.random())) for _ in range(3)]
        for order in orders:
            time.sleep(dice.random() * 0.03)
            if shop.status(order)[0] in ("placed", "reserved", "confirmed"):
                shop.request_cancellation(order)
            shop.expand()
        for worker in running:
            worker.result(60)
    shop.work()

    # Then every order has one end, no money is kept, every desk is free
    ends = {shop.status(order) for order in orders}
    assert ends <= {CANCELLED, ("rejected", "card_declined")}, (number, ends)
    assert [kept for kept in shop.charges() if kept[0] != kept[1]] == []
    assert shop.product() == (10, 0, 0)
    assert shop.check_books() == []


def test_the_same_cancellation_by_four_workers_at_once_happens_once(shop: Shop) -> None:
    # Given a confirmed order
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.work()
    shop.request_cancellation(order)

    # When four workers cancel it at once, outside the ledger, each until it gets through
    def until_it_works(order_id: UUID) -> None:
        while True:
            try:
                shop.again(cancel_order, order_id)
            except NoAnswer:  # another one is asking with the same key right now
                time.sleep(0.01)
            else:
                return

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(until_it_works, [order] * 4))

    # Then it happened once
    assert shop.status(order) == CANCELLED
    assert [i["refunds"] for i in shop.intents()] == [1]
    assert shop.facts(order).count("PaymentRefunded") == shop.facts(order).count("OrderCancelled") == 1
    assert shop.product() == (1, 0, 0)
