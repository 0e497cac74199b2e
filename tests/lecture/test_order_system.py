"""Lecture, example 2: the order system.

    class ProcessOrder implements ShouldQueue {                check_out = chain(
        DB::transaction(function () {                              (reserve_stock, release_stock),
            $this->checkInventory();                               (charge_payment, refund_payment),
            $this->processPayment();                               confirm_order,
            $this->updateInventory();                          )
            $this->sendNotifications();                        OrderConfirmed: [send_order_confirmation,
            $this->updateAnalytics();                                           update_analytics],
        });                                                    }

Mended: the lecture charges the card inside the transaction, so that a rollback keeps the money; it looks at the stock
and takes it later, so that two workers sell the last desk twice; it queues mail before the commit. Here the stock is
reserved by one conditional update, the card is charged between two transactions, and what comes later is undone by the
undo that stands beside each step. Mail and SMS follow from a fact that is committed.
"""

from services.worker.checkout import check_out
from services.worker.listeners import LISTENERS
from shared.events.catalogue import OrderPlaced
from shared.events.expand import expand
from shared.jobs.testing import drain, recording
from tests.events import golden
from tests.shop import PRICES, Shop

DESK = PRICES["walnut-desk"]


def subjects(store: Shop) -> list[str]:
    return [mail["subject"] for mail in store.sandbox.mailbox(channel="mail")]


def test_an_order_that_is_placed_is_heard_by_its_customer_and_by_operators_only() -> None:
    placed = golden(OrderPlaced)
    assert isinstance(placed, OrderPlaced)
    channels = placed.broadcast_on()
    assert f"private-user.{placed.order.user_id}" in channels
    assert "private-orders" in channels  # which only operators may hear: as the realtime floor sees to


def test_placing_an_order_starts_its_check_out(store: Shop) -> None:
    order = store.place(walnut_desk=1)
    with recording() as jobs, store.writing() as tx:
        expand(tx, LISTENERS)
    jobs.assert_chained(check_out, order)


def test_an_order_is_paid_confirmed_told_and_counted(store: Shop) -> None:
    # Given a customer with a phone
    store.connection.execute("update users set phone = '+201001234567', locale = 'en'")
    # When they order a desk, and the workers have done their work
    order = store.place(walnut_desk=1)
    drain(store.connection, LISTENERS)
    # Then it is confirmed, the card was charged once, the desk is theirs
    assert store.status(order) == ("confirmed", None)
    assert store.charges() == [(DESK, 0)]
    assert store.product() == (2, 1, 0)
    # And they are told by mail and by SMS, in the lecture's words
    number = store.order(order).number
    assert subjects(store) == [f"Your order #{number} is confirmed"]
    assert [sms["text"] for sms in store.sandbox.mailbox(channel="sms")] == [f"Your order #{number} is confirmed!"]
    # And the day's sales count it
    assert store.sales() == (1, DESK, 0, 0)


def test_who_has_no_phone_gets_no_sms(store: Shop) -> None:
    store.place(walnut_desk=1)
    drain(store.connection, LISTENERS)
    assert len(subjects(store)) == 1
    assert store.sandbox.mailbox(channel="sms") == []


def test_insufficient_stock_rejects_the_order_before_anything_is_paid(store: Shop) -> None:
    # Given two desks, when three are ordered
    order = store.place(walnut_desk=3)
    drain(store.connection, LISTENERS)
    # Then the order is rejected, and the check-out says why
    assert store.status(order) == ("rejected", "out_of_stock")
    assert store.chain_ended() == "not enough walnut-desk in stock"
    assert store.charges() == []


def test_two_customers_do_not_get_the_same_desk(store: Shop) -> None:
    # Given two desks, when three orders want one each
    orders = [store.place(walnut_desk=1) for _ in range(3)]
    drain(store.connection, LISTENERS)
    # Then two get theirs
    assert sorted(store.status(order)[0] for order in orders) == ["confirmed", "confirmed", "rejected"]
    assert store.product() == (2, 2, 0)


def test_a_declined_card_keeps_neither_money_nor_desk(store: Shop) -> None:
    order = store.place(walnut_desk=1, card="pm_card_visa_chargeDeclined")
    drain(store.connection, LISTENERS)
    assert store.status(order) == ("rejected", "card_declined")
    assert store.charges() == []
    assert store.product() == (2, 0, 0)
