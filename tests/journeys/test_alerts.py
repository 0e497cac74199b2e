"""What fails for good is never silent: operators are called, and nothing says that it is still on its way."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.worker.notifications import send_mail, send_sms
from shared.jobs.collaborators import provide
from shared.jobs.job import JobType
from shared.notifications.mail import Mailer
from shared.notifications.sms import Carrier
from tests.shop import Shop


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


def messages(shop: Shop) -> list[Any]:
    return shop.connection.execute("select status, delivery from notifications").fetchall()
