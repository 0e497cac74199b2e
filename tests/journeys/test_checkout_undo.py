"""A check-out of which a step fails for good is undone: the order is rejected, no money kept, the desk free."""

import pytest

from services.worker.inventory import reserve_stock
from services.worker.orders import confirm_order
from services.worker.payments import charge_payment
from tests.checkout_steps import DESK, Step, charged_without_an_answer, known_to_the_gateway, paid
from tests.shop import Shop


@pytest.mark.parametrize("come_so_far", [known_to_the_gateway, charged_without_an_answer])
def test_a_charge_that_fails_for_good_is_undone(shop: Shop, come_so_far: Step) -> None:
    # Given a charge that got no answer, and its last try is the next one
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    come_so_far(shop)
    shop.connection.execute("update jobs set retry_until = clock_timestamp() where name = 'charge_payment'")
    shop.sandbox.kill()
    shop.attempt(charge_payment)
    assert shop.jobs()["charge_payment"] == "failed"

    # When the gateway is back and the chain's undo runs
    shop.sandbox.start()
    shop.work()

    # Then the order is rejected, no money is kept and the desk is free
    assert shop.status(order) == ("rejected", "payment_unavailable")
    assert shop.charges() == ([(DESK, DESK)] if come_so_far is charged_without_an_answer else [])
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


def test_a_confirmation_that_fails_for_good_gives_the_money_back(shop: Shop) -> None:
    # Given a paid order whose confirmation has one try left, and a version of the database it cannot work with
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    paid(shop)
    shop.connection.execute("update jobs set failures = tries - 1 where name = 'confirm_order'")
    shop.connection.execute("alter table orders add constraint broken check (status <> 'confirmed')")

    # When it fails
    shop.attempt(confirm_order)
    shop.work()

    # Then both steps before it are undone
    assert shop.jobs()["confirm_order"] == "failed"
    assert shop.status(order) == ("rejected", "payment_unavailable")
    assert shop.charges() == [(DESK, DESK)]
    assert (shop.jobs()["refund_payment"], shop.jobs()["release_stock"]) == ("succeeded", "succeeded")
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


def test_an_order_that_cannot_even_begin_is_rejected(shop: Shop) -> None:
    # Given an order whose stock is to be reserved by its last try, and a version of the database it cannot work with
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.expand()
    shop.connection.execute("update jobs set failures = tries - 1 where name = 'reserve_stock'")
    shop.connection.execute("alter table orders add constraint broken check (status <> 'reserved')")

    # When it fails
    shop.attempt(reserve_stock)
    shop.work()

    # Then nobody waits: the order is rejected, though there was nothing to undo
    assert shop.jobs()["reserve_stock"] == "failed"
    assert shop.status(order) == ("rejected", "could_not_be_processed")
    assert shop.charges() == []
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []
