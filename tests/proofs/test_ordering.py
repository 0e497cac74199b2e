"""Many at once: the same order sent fifty times, and two hundred customers for the last fifty desks."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from shared.ids import new_id
from tests.audited import Tell
from tests.house import Customer, House

AT_ONCE = 50


def all_at_once(house: House, customer: Customer) -> Sequence[httpx.Response]:
    """Send one order with one key fifty times, in the same moment."""
    key, desk, start = new_id().hex, house.products()["walnut-desk"], Barrier(AT_ONCE)

    def send(_: int) -> httpx.Response:
        start.wait()
        return house.place(customer, desk, key=key)

    with ThreadPoolExecutor(AT_ONCE) as senders:
        return list(senders.map(send, range(AT_ONCE)))


@pytest.mark.proof
def test_the_same_key_sent_fifty_times_at_once_is_one_order_and_one_charge(
    house: House, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    # Given ليلى, who signs in and whose browser sends everything fifty times
    layla = house.sign_in()
    rounds, began = scaled(20, 3), time.monotonic()
    answers = [all_at_once(house, layla) for _ in range(rounds)]
    seconds = time.monotonic() - began
    accepted = [[answer for answer in of_one_key if answer.status_code == 202] for of_one_key in answers]
    # Then each key has one answer, and the others are told so or asked to wait
    assert {answer.status_code for of_one_key in answers for answer in of_one_key} <= {202, 409}
    assert [len({answer.content for answer in of_one_key}) for of_one_key in accepted] == [1] * rounds
    first = [answer for of_one_key in accepted for answer in of_one_key if "Idempotent-Replayed" not in answer.headers]
    assert len(first) == rounds
    # And one order and one charge
    house.wait_until_quiet()
    orders = [row.id for row in house.sql("select id from orders")]
    charges = [intent for intent in house.sandbox.gateway_summary() if intent["amount_received"]]
    assert len(orders) == len(charges) == rounds
    tell(requests=rounds * AT_ONCE, seconds=seconds, equal_answers=sum(map(len, accepted)), **house.check(orders))


@pytest.mark.proof
def test_of_two_hundred_customers_fifty_get_the_fifty_desks(house: House, dice: random.Random, tell: Tell) -> None:
    # Given fifty desks, and two hundred who want one
    house.stock("walnut-desk", 50)
    desk, customers = house.products()["walnut-desk"], house.customers(200)
    dice.shuffle(customers)
    began = time.monotonic()
    # When all of them order at once
    with ThreadPoolExecutor(20) as crowd:
        orders = list(crowd.map(lambda customer: house.order(customer, desk), customers))
    ordered = time.monotonic() - began
    house.wait_until_quiet(120)
    # Then fifty are sold, and the others are told at once and charged nothing
    statuses = house.statuses(orders)
    assert statuses == {"shipped": 50, "rejected: out_of_stock": 150}
    assert house.sql("select on_hand, reserved, sold from products where slug = 'walnut-desk'") == [(0, 0, 50)]
    assert len(house.sandbox.gateway_summary()) == 50
    tell(ordered_in=ordered, all_ended_in=time.monotonic() - began, **house.check(orders))
