"""The books find every kind of fault: each is planted here, and named with its ids."""

from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from services.worker.payments import charge_payment
from shared import books
from shared.ids import new_id
from tests.shop import PRICES, Shop

DESK = PRICES["walnut-desk"]


def a_confirmed_order(shop: Shop) -> UUID:
    shop.stock(walnut_desk=5)
    order = shop.place(walnut_desk=1)
    shop.work()
    assert shop.status(order) == ("confirmed", None)
    assert shop.check_books() == []
    return order


def without_constraints(shop: Shop) -> None:
    """A migration that went wrong: the database no longer refuses by itself."""
    shop.connection.execute("alter table products drop constraint products_on_hand, drop constraint products_reserved")


# What is planted, and what the books say of it; {order}, {payment}, {intent} are those of a confirmed order.
PLANTED = {
    "update products set received = received + 1": "product walnut-desk: 5 on hand is not 6 received - 0 sold",
    "update products set reserved = 7": "product walnut-desk: 7 reserved of 5 on hand",
    "update products set reserved = reserved - 1": "product walnut-desk: 0 reserved, but open orders hold 1",
    "update products set sold = 1, on_hand = 4": "product walnut-desk: 1 sold, but settled orders took 0",
    "update orders set status = 'cancelled'": "order {order}: cancelled, but the gateway keeps {intent} (250000 egp)",
    "update orders set status = 'rejected'": "order {order}: rejected, but its payment is succeeded",
    "update payments set status = 'pending'": "order {order}: confirmed, but its payment is pending",
    "delete from payments": "order {order}: confirmed, but its payment is missing",
    "update orders set total = 1": "order {order}: confirmed, but the gateway keeps {intent} (250000 egp) and not 1 ",
    "update payments set intent_id = 'pi_other'": (
        "order {order}: confirmed, but the gateway keeps {intent} (250000 egp) and not 250000 egp by pi_other"
    ),
    "update orders set status = 'placed', updated_at = now() - interval '1 hour'": "order {order}: placed since ",
    "update orders set status = 'reserved', expires_at = now()": "order {order}: reserved, though it should",
    "update orders set cancel_requested_at = now()": "order {order}: confirmed, though its cancellation was requested",
    "update orders set status = 'shipped'": "order {order}: shipped, but its pieces are not settled",
    "update payments set status = 'pending', doubt = 'confirming'": "payment {payment}: outcome unknown (confirming)",
    "update payments set status = 'refunding'": "payment {payment}: refunding since ",
    "update jobs set state = 'running', lease_until = now() where name = 'confirm_order'": "job confirm_order ",
    "update jobs set state = 'scheduled', available_at = now() - interval '1 hour' where name = 'confirm_order'": "job "
    "confirm_order ",
    "update jobs set state = 'blocked' where name = 'confirm_order'": "job confirm_order ",
    "update events set parked_at = now(), parked_reason = 'unknown' where name = 'StockReserved'": "event Stock",
    "update events set position = null where name = 'StockReserved'": "event StockReserved ",
    "update daily_sales set orders = 2": "analytics: 2 orders in the day's sales, 1 to 1 were confirmed",
    "delete from daily_sales": "analytics: 0 orders in the day's sales, 1 to 1 were confirmed",
}


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault[:60])
def test_a_planted_fault_is_found_and_named(shop: Shop, fault: str) -> None:
    # Given a confirmed order whose books balance
    order = a_confirmed_order(shop)
    payment = shop.payment(order)
    without_constraints(shop)

    # When something writes what must not be
    shop.connection.execute(fault)

    # Then the books say so
    said = PLANTED[fault].format(order=order, payment=payment.id, intent=payment.intent_id)
    assert [sentence for sentence in shop.check_books() if sentence.startswith(said)], shop.check_books()


def test_the_database_itself_refuses_what_the_books_would_find(shop: Shop) -> None:
    # Given a confirmed order, when somebody promises more than there is, then the database says no
    a_confirmed_order(shop)
    with pytest.raises(psycopg.errors.CheckViolation):
        shop.connection.execute("update products set reserved = 7")


def test_money_that_was_given_back_behind_our_back_is_missed(shop: Shop) -> None:
    # Given a confirmed order
    order = a_confirmed_order(shop)
    intent = shop.payment(order).intent_id

    # When somebody refunds a part of it in the gateway's dashboard
    shop.sandbox.gateway().v1.refunds.create({"payment_intent": intent, "amount": 1})

    # Then the books miss it
    assert any(f"{intent} ({DESK - 1} egp) and not {DESK} egp" in fault for fault in shop.check_books())

    # When they refund the rest
    shop.sandbox.gateway().v1.refunds.create({"payment_intent": intent})

    # Then they miss all of it
    assert shop.check_books() == [f"order {order}: confirmed, but the gateway keeps no charge for it"]


def test_a_second_charge_for_the_same_order_is_found(shop: Shop) -> None:
    # Given a confirmed order
    order = a_confirmed_order(shop)

    # When its card is charged once more
    shop.sandbox.gateway().v1.payment_intents.create(
        {
            "amount": DESK,
            "currency": "egp",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"payment_id": str(shop.payment(order).id)},
        }
    )

    # Then the books say so
    assert any("keeps 2 charges for it" in fault for fault in shop.check_books())


def test_what_was_touched_just_now_is_left_alone(shop: Shop) -> None:
    # Given an order in the middle of its check-out, a payment without an answer
    shop.stock(walnut_desk=1)
    shop.place(walnut_desk=1)
    shop.attempt("reserve_stock")
    shop.sandbox.set(no_answer_after_charging=1)
    shop.attempt(charge_payment)

    # When the books are read as they are in a living shop, then nothing is wrong yet
    entries = [books.Charged.from_summary(row) for row in shop.intents()]
    assert books.check(shop.connection, entries) == []
    # And a charge of nobody's is left its minute, too
    stranger = books.Charged("pi_stranger", new_id(), "egp", 100, 0, created=entries[0].created)
    assert books.check(shop.connection, [*entries, stranger]) == []
    assert any("pi_stranger" in fault for fault in books.check(shop.connection, [stranger], quiet_seconds=0))
    # And one of another shop on the same account is not our business
    neighbours = replace(stranger, shop="https://neighbour.example")
    assert books.check(shop.connection, [neighbours], quiet_seconds=0) == books.check(
        shop.connection, [], quiet_seconds=0
    )


def test_a_notification_that_is_never_sent_is_found(shop: Shop) -> None:
    # Given a mail that waits, and one that left without its Message-ID
    order = a_confirmed_order(shop)
    for status in ("pending", "sent"):
        shop.connection.execute(
            "insert into notifications (id, event_id, kind, channel, user_id, aggregate_id, status)"
            " values (%s, %s, 'order_confirmed', 'mail', %s, %s, %s)",
            (new_id(), new_id(), shop.customer, order, status),
        )

    # When the books are read, then both are named
    faults = shop.check_books()
    assert len(faults) == 2
    assert "not sent since" in faults[0]
    assert "without a Message-ID" in faults[1]
