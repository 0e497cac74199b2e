"""What fails for good is never silent: operators are called, and nothing says that it is still on its way."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.worker.inventory import reject_unreserved_order, release_stock, reserve_stock
from services.worker.notifications import send_mail, send_sms
from services.worker.orders import cancel_order, expire_unpaid_order
from services.worker.payments import charge_payment, refund_payment
from services.worker.stripe_gateway import StripeGateway
from shared.jobs.collaborators import provide
from shared.jobs.job import JobType
from shared.notifications.mail import Mailer
from shared.notifications.sms import Carrier
from tests.shop import Shop, use


def out_of_time(shop: Shop) -> None:
    """The attempt that follows is the last one."""
    shop.connection.execute("update jobs set retry_until = clock_timestamp() where state = 'scheduled'")


def alerts(said: list[Any]) -> list[Any]:
    return [line for line in said if "alert" in line]


@pytest.fixture
def told(shop: Shop) -> Iterator[Shop]:
    """The shop with its own way to the sandbox's mail server and carrier."""
    mailer, carrier = Mailer.from_settings(), Carrier.from_settings()
    provide(Mailer, lambda: mailer)
    provide(Carrier, lambda: carrier)
    shop.connection.execute("update users set phone = '+201001234567'")
    yield shop
    mailer.close()
    carrier.close()


@pytest.mark.parametrize(("kind", "switch"), [(send_mail, "smtp_down"), (send_sms, "sms_down")])
def test_a_message_that_fails_for_good_is_failed_and_can_be_sent_by_hand(
    told: Shop, kind: JobType, switch: str
) -> None:
    # Given a message for which no server was there in time
    told.stock(walnut_desk=1)
    order = told.place(walnut_desk=1)
    told.work()
    told.sandbox.set(**{switch: True})
    with told.writing() as tx:
        kind.dispatch(tx, order, "order_confirmed")
    told.attempt(kind)
    assert [row.status for row in messages(told)] == ["pending"]

    # When its last attempt fails
    out_of_time(told)
    with capture_logs() as said:
        told.work()

    # Then its row says so, and why, and operators are called once
    (row,) = messages(told)
    assert row.status == "failed"
    assert "451" in row.delivery or "503" in row.delivery
    assert [line["alert"] for line in alerts(said)] == ["message_failed"]

    # When the server is back and an operator has it sent
    told.sandbox.set(**{switch: False})
    kind.now(str(order), "order_confirmed")

    # Then it is sent, once
    assert [row.status for row in messages(told)] == ["sent"]
    assert len(told.sandbox.mailbox()) == 1


@pytest.mark.parametrize(
    "kind", [cancel_order, expire_unpaid_order, release_stock, refund_payment, reject_unreserved_order]
)
def test_an_order_that_no_job_can_end_calls_operators(shop: Shop, kind: JobType) -> None:
    # Given a charge without an answer, and a gateway that stays away until the job's time is over
    order = charged_without_an_answer(shop)
    use(AWAY)
    with shop.writing() as tx:
        kind.dispatch(tx, order)
    out_of_time(shop)

    # When the job fails for good
    shop.attempt(kind)
    with capture_logs() as said:
        shop.attempt("call_operators")

    # Then one line says which order and which job, and nothing was released
    assert [(line["alert"], line["order"], line["failed"]) for line in alerts(said)] == [
        ("order_stuck", str(order), kind.name)
    ]
    assert shop.product() == (1, 1, 0)


def test_operators_are_called_once_for_each_unknown_outcome_of_a_payment(shop: Shop) -> None:
    # Given a charge without an answer
    order = charged_without_an_answer(shop)
    since = shop.payment(order).updated_at

    # When the gateway is away for two attempts more
    use(AWAY)
    with capture_logs() as said:
        shop.attempt(charge_payment)
        shop.attempt(charge_payment)

    # Then they are called once, and the books know since when
    assert [(line["alert"], line["order"]) for line in alerts(said)] == [("payment_unknown", str(order))]
    assert (shop.payment(order).doubt, shop.payment(order).updated_at) == ("unknown", since)

    # When the customer cancels meanwhile, and the gateway does not answer that either
    shop.request_cancellation(order)
    with capture_logs() as said:
        shop.attempt(cancel_order)
        shop.attempt(cancel_order)

    # Then it is still the same doubt
    assert alerts(said) == []


@pytest.mark.parametrize("kind", [charge_payment, cancel_order])
def test_a_bank_that_thinks_for_long_is_asked_less_and_less_often(shop: Shop, kind: JobType) -> None:
    # Given a bank that thinks
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.sandbox.set(processing_ms=20_000)
    shop.attempt(charge_payment)
    if kind is cancel_order:
        shop.request_cancellation(order)

    # When it is asked again and again, then each wait is longer than the one before
    waits = []
    for _ in range(3):
        shop.attempt(kind)
        waits.append(wait_of(shop, kind))
    assert waits[0] > 1
    assert waits[1] > 1.5 * waits[0]
    assert waits[2] > 1.5 * waits[1]


AWAY = StripeGateway("sk_test_taboor", "http://127.0.0.1:9")


def charged_without_an_answer(shop: Shop) -> UUID:
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.sandbox.set(no_answer_after_charging=1)
    shop.attempt(charge_payment)
    return order


def wait_of(shop: Shop, kind: JobType) -> float:
    row = shop.connection.execute(
        "select extract(epoch from available_at - clock_timestamp())::float8 as wait from jobs where name = %s",
        (kind.name,),
    ).fetchone()
    assert row is not None
    return float(row.wait)


def messages(shop: Shop) -> list[Any]:
    return shop.connection.execute("select status, delivery from notifications").fetchall()
