"""Lecture, key concept 3: events, and what listens to them.

    class OrderShipped implements ShouldBroadcast {            class OrderShipped(OrderEvent):
        public $order;                                             order: OrderSnapshot
        public function broadcastOn() {                            def broadcast_on(self):
            return new PrivateChannel('orders.'.$this->order->id);     return (private(f"orders.{self.order.id}"), ...)
    }                                                          }
    class SendShipmentNotification {                           LISTENERS = {
        public function handle(OrderShipped $event) {              OrderShipped: [send_shipment_notification,
            Notification::send($order->customer, ...);                            settle_inventory],
            $this->updateInventory($order);                    }

Mended: the lecture's listener is not queued, so that mail and stock happen inside the web request. Here listeners are
jobs: whoever ships the order records a fact, and the listener table says what follows from it.
"""

from contextlib import suppress

from services.worker.inventory import settle_inventory
from services.worker.listeners import LISTENERS
from services.worker.notifications import keep_in_inbox, send_mail, send_sms
from shared.db.sql import orders
from shared.domain.orders import OrderStatus
from shared.events.catalogue import OrderShipped
from shared.events.expand import expand
from shared.events.record import record
from shared.jobs.testing import drain, recording
from tests.events import golden
from tests.shop import Shop


def test_a_shipped_order_is_heard_on_its_private_channel() -> None:
    shipped = golden(OrderShipped)
    assert isinstance(shipped, OrderShipped)
    assert f"private-orders.{shipped.order.id}" in shipped.broadcast_on()


def test_the_customer_is_notified_and_the_inventory_updated_by_jobs(store: Shop) -> None:
    # Given a confirmed order
    order = store.place(walnut_desk=1)
    store.work()
    # When it is shipped: one transaction that moves the order and records the fact, and dispatches no job
    with recording() as jobs:
        store.ship(order)
    jobs.assert_nothing_dispatched()
    # And the relay reads the fact
    with recording() as jobs, store.writing() as tx:
        assert expand(tx, LISTENERS) == 1
    # Then a job follows for each listener: one for each channel of the notification, and one for the inventory
    for channel in (send_mail, send_sms, keep_in_inbox):
        jobs.assert_dispatched(channel, order, "order_shipped", times=1)
    jobs.assert_dispatched(settle_inventory, order, times=1)
    assert len(jobs.jobs) == 4


def test_the_customer_gets_the_mail_and_what_was_reserved_is_sold(store: Shop) -> None:
    # Given a shipped order
    order = store.place(walnut_desk=1)
    store.work()
    store.ship(order)
    # When its listeners have run
    drain(store.connection, LISTENERS)
    # Then the customer is told by mail, and the desk is sold
    assert [mail["subject"] for mail in store.sandbox.mailbox(channel="mail")] == [
        f"Your order #{number(store)} is on its way"
    ]
    assert store.product() == (1, 0, 1)


def test_one_listener_that_cannot_work_keeps_no_other_from_it(store: Shop) -> None:
    # Given a mail server that is down
    store.sandbox.set(smtp_down=True)
    order = store.place(walnut_desk=1)
    store.work()
    # When the order is shipped
    store.ship(order)
    ran = drain(store.connection, LISTENERS)
    # Then the mail is tried again later, and the inventory is settled all the same
    assert [each.outcome for each in ran if each.name == "send_mail"] == ["failed"]
    assert store.product() == (1, 0, 1)


def test_what_rolls_back_has_not_happened(store: Shop) -> None:
    # Given a confirmed order that is just being shipped
    order = store.place(walnut_desk=1)
    store.work()
    with suppress(ZeroDivisionError), store.writing() as tx:
        shipped = orders.move(tx, orders.lock(tx, order), OrderStatus.SHIPPED)
        assert shipped is not None
        record(tx, OrderShipped(order=shipped))
        _share = shipped.total // 0
    # Then there is no fact, and nobody hears of one
    assert store.facts(order)[-1] == "OrderConfirmed"
    assert drain(store.connection, LISTENERS) == []


def number(store: Shop) -> int:
    row = store.connection.execute("select number from orders").fetchone()
    assert row is not None
    return int(row.number)
