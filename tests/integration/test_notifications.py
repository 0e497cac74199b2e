"""Customers are told once, whatever breaks on the way: real PostgreSQL, SMTP and the official Twilio client."""

import smtplib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import requests
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]  # no types

from services.worker.notifications import keep_in_inbox, note_delivery, send_mail, send_sms
from shared import clock
from shared.config import SANDBOX_TWILIO_SID, SANDBOX_TWILIO_TOKEN
from shared.db.engine import Connection, arguments
from shared.db.sql.notifications import UnknownToUs
from shared.ids import new_id
from shared.jobs.collaborators import collaborator, provide
from shared.jobs.job import JobType
from shared.jobs.running import Inline, call
from shared.notifications.mail import Letter, Mailer
from shared.notifications.sms import Carrier, Text
from tests.sandbox import SandboxProcess

SHOP = "Taboor <shop@taboor.example>"
LAYLA, OMAR = "+201001234567", "+201111234567"


class Shop:
    """A database with two customers, and its jobs' way to the sandbox."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.desk = new_id()
        connection.execute(
            "insert into products (id, slug, name_en, name_ar, price, currency)"
            " values (%s, 'walnut-desk', 'Walnut desk', 'مكتب خشب جوز', 250000, 'EGP')",
            (self.desk,),
        )

    def customer(self, name: str, locale: str, phone: str | None) -> UUID:
        user, email = new_id(), "layla@example.com" if locale == "ar" else "omar@example.com"
        self.connection.execute(
            "insert into users (id, email, name, phone, locale, password_hash) values (%s, %s, %s, %s, %s, '')",
            (user, email, name, phone, locale),
        )
        return user

    def order(self, user: UUID, number: int = 1042) -> UUID:
        order = new_id()
        self.connection.execute(
            "insert into orders (id, number, user_id, status, total, currency, payment_method, version)"
            " overriding system value values (%s, %s, %s, 'confirmed', 500000, 'EGP', 'pm_card_visa', 3)",
            (order, number, user),
        )
        self.connection.execute(
            "insert into order_items (order_id, product_id, quantity, unit_price, slug, name_en, name_ar)"
            " select %s, id, 2, price, slug, name_en, name_ar from products where id = %s",
            (order, self.desk),
        )
        return order

    def run(self, kind: JobType, *args: Any, event: UUID | None = None) -> None:
        """Run one attempt of a job that follows from that event."""
        stored = [str(value) for value in args]
        attempt = Inline(kind.name, stored, self.connection)
        attempt.claimed = replace(attempt.claimed, event_id=event)
        call(kind, attempt, stored)

    def messages(self) -> list[Any]:
        return self.connection.execute("select * from notifications order by id").fetchall()

    def facts(self) -> list[dict[str, Any]]:
        rows = self.connection.execute("select payload from events where name = 'NotificationSent' order by seq")
        return [row.payload for row in rows]


@pytest.fixture
def shop(database_url: str, sandbox: SandboxProcess) -> Iterator[Shop]:
    mailer = Mailer(f"smtp://127.0.0.1:{sandbox.smtp_port}", SHOP)
    provide(Mailer, lambda: mailer)
    provide(Carrier, lambda: carrier_at(sandbox.url))
    with psycopg.connect(database_url, **arguments()) as connection:
        yield Shop(connection)
    mailer.close()
    collaborator(Carrier).close()


def carrier_at(base: str) -> Carrier:
    return Carrier(
        base=base,
        account=SANDBOX_TWILIO_SID,
        token=SANDBOX_TWILIO_TOKEN,
        sender="+15005550006",
        report_to="http://127.0.0.1:9/webhooks/twilio/status",
    )


class DiesAfterSending(Mailer):
    """A process that is killed between the server's acceptance and its own commit."""

    def send(self, letter: Letter) -> None:
        super().send(letter)
        raise KeyboardInterrupt


def test_a_confirmed_order_is_told_by_mail_sms_and_inbox(shop: Shop, sandbox: SandboxProcess) -> None:
    # Given an order of Layla's, who reads Arabic
    order, event = shop.order(shop.customer("ليلى", "ar", LAYLA)), new_id()

    # When each channel's job runs
    for kind in (send_mail, send_sms, keep_in_inbox):
        shop.run(kind, order, "order_confirmed", event=event)

    # Then she has a mail and an SMS
    (mail,) = sandbox.mailbox(to="layla@example.com")
    assert mail["subject"] == "طلبك رقم #1042 اتأكد"
    assert mail["from"] == SHOP
    assert "2 × مكتب خشب جوز: 5,000.00 ج.م" in mail["text"]
    assert '<html lang="ar" dir="rtl">' in mail["html"]
    (sms,) = sandbox.mailbox(to=LAYLA)
    assert sms["text"] == "طلبك رقم #1042 اتأكد!"
    # And each channel has its row, sent, and its fact
    rows = {row.channel: row for row in shop.messages()}
    assert {channel: (row.status, row.recipient, row.locale) for channel, row in rows.items()} == {
        "mail": ("sent", "layla@example.com", "ar"),
        "sms": ("sent", LAYLA, "ar"),
        "database": ("sent", "layla@example.com", "ar"),
    }
    assert {row.event_id for row in rows.values()} == {event}
    assert {row.aggregate_id for row in rows.values()} == {order}
    assert rows["mail"].message_id == mail["message_id"] == f"<{rows['mail'].id}@taboor.example>"
    assert rows["sms"].provider_id == sms["message_id"]
    assert "طلبك رقم #1042 اتدفع واتأكد" in rows["database"].body
    assert [fact["channel"] for fact in shop.facts()] == ["mail", "sms", "database"]
    assert {fact["order_version"] for fact in shop.facts()} == {3}
    assert {fact["notification_id"] for fact in shop.facts()} == {str(row.id) for row in rows.values()}


def test_a_job_that_runs_again_tells_nobody_again(shop: Shop, sandbox: SandboxProcess) -> None:
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()

    for _ in range(2):
        for kind in (send_mail, send_sms, keep_in_inbox):
            shop.run(kind, order, "order_shipped", event=event)

    assert len(sandbox.mailbox()) == 2
    assert len(shop.messages()) == len(shop.facts()) == 3


def test_two_events_are_two_messages(shop: Shop, sandbox: SandboxProcess) -> None:
    order = shop.order(shop.customer("Omar", "en", OMAR))

    shop.run(send_mail, order, "order_confirmed", event=new_id())
    shop.run(send_mail, order, "order_cancelled", event=new_id())

    assert [mail["subject"] for mail in sandbox.mailbox(channel="mail")] == [
        "Your order #1042 is cancelled",
        "Your order #1042 is confirmed",
    ]


def test_a_second_mail_after_a_crash_bears_the_firsts_message_id(shop: Shop, sandbox: SandboxProcess) -> None:
    # Given an attempt that dies after the server took the mail
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()
    whole = collaborator(Mailer)
    dying = DiesAfterSending(f"smtp://127.0.0.1:{sandbox.smtp_port}", SHOP)
    provide(Mailer, lambda: dying)
    with pytest.raises(KeyboardInterrupt):
        shop.run(send_mail, order, "order_confirmed", event=event)
    dying.close()
    assert [row.status for row in shop.messages()] == ["pending"]

    # When the job runs again, after Omar moved to another address
    shop.connection.execute("update users set email = 'omar@elsewhere.example'")
    provide(Mailer, lambda: whole)
    shop.run(send_mail, order, "order_confirmed", event=event)

    # Then both mails are the same one, to the same address, and one fact says so
    first, second = sandbox.mailbox(to="omar@example.com", channel="mail")
    assert first["message_id"] == second["message_id"]
    assert sandbox.mailbox_counts()["mail"] == {"messages": 2, "copies": 1}
    assert [row.status for row in shop.messages()] == ["sent"]
    assert len(shop.facts()) == 1


def test_an_sms_that_the_carrier_accepted_without_saying_so_is_not_sent_twice(
    shop: Shop, sandbox: SandboxProcess
) -> None:
    # Given a carrier that sends the SMS and hangs up
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()
    sandbox.set(sms_no_answer_after_sending=1)
    with pytest.raises(requests.ConnectionError):
        shop.run(send_sms, order, "order_confirmed", event=event)

    # When the job runs again, at once
    shop.run(send_sms, order, "order_confirmed", event=event)

    # Then the carrier was asked, and there is one
    (sms,) = sandbox.mailbox(channel="sms")
    (row,) = shop.messages()
    assert (row.status, row.provider_id) == ("sent", sms["message_id"])
    assert len(shop.facts()) == 1


def test_another_orders_sms_is_not_taken_for_this_ones(shop: Shop, sandbox: SandboxProcess) -> None:
    # Given an SMS about order 1042, and a failed attempt for order 1043
    omar = shop.customer("Omar", "en", OMAR)
    shop.run(send_sms, shop.order(omar, 1042), "order_confirmed", event=new_id())
    order, event = shop.order(omar, 1043), new_id()
    sandbox.set(sms_down=True)
    with pytest.raises(TwilioRestException):
        shop.run(send_sms, order, "order_confirmed", event=event)

    # When the carrier is back
    sandbox.set(sms_down=False)
    shop.run(send_sms, order, "order_confirmed", event=event)

    # Then both were sent
    assert [sms["text"] for sms in sandbox.mailbox(to=OMAR)] == [
        "Your order #1043 is confirmed!",
        "Your order #1042 is confirmed!",
    ]


def test_a_mail_server_that_is_down_gets_the_mail_later_and_once(shop: Shop, sandbox: SandboxProcess) -> None:
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()
    sandbox.set(smtp_down=True)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPException):
            shop.run(send_mail, order, "order_confirmed", event=event)

    sandbox.set(smtp_down=False)
    shop.run(send_mail, order, "order_confirmed", event=event)

    assert sandbox.mailbox_counts()["mail"] == {"messages": 1, "copies": 0}


def test_a_connection_that_the_server_closed_is_made_anew(shop: Shop, sandbox: SandboxProcess) -> None:
    omar = shop.customer("Omar", "en", OMAR)
    shop.run(send_mail, shop.order(omar, 1042), "order_confirmed", event=new_id())

    sandbox.kill()
    sandbox.start()
    shop.run(send_mail, shop.order(omar, 1043), "order_confirmed", event=new_id())

    assert sandbox.mailbox_counts()["mail"] == {"messages": 2, "copies": 0}


def test_without_a_phone_there_is_no_sms(shop: Shop, sandbox: SandboxProcess) -> None:
    order, event = shop.order(shop.customer("Omar", "en", None)), new_id()

    for _ in range(2):
        shop.run(send_sms, order, "order_confirmed", event=event)

    (row,) = shop.messages()
    assert (row.status, row.delivery) == ("skipped", "no phone number")
    assert sandbox.mailbox(channel="sms") == []
    assert shop.facts() == []


@pytest.mark.parametrize(
    ("phone", "reason"), [("+15005550001", "21211 "), ("+15005550004", "21610 "), ("01001234567", "this is no phone")]
)
def test_a_number_that_can_never_be_reached_ends_the_job_with_the_reason(
    shop: Shop, sandbox: SandboxProcess, phone: str, reason: str
) -> None:
    order, event = shop.order(shop.customer("Omar", "en", phone)), new_id()

    for _ in range(2):
        shop.run(send_sms, order, "order_confirmed", event=event)

    (row,) = shop.messages()
    assert row.status == "failed"
    assert row.delivery.startswith(reason)
    assert sandbox.mailbox(channel="sms") == []
    assert shop.facts() == []


def test_an_error_of_ours_is_no_customers_wrong_number(shop: Shop, sandbox: SandboxProcess) -> None:
    """A wrong token must be tried again and end as a failed job that an operator sees."""
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()
    wrong = Carrier(base=sandbox.url, account=SANDBOX_TWILIO_SID, token="old", sender="+15005550006", report_to="")
    whole = collaborator(Carrier)
    provide(Carrier, lambda: wrong)

    with pytest.raises(TwilioRestException):
        shop.run(send_sms, order, "order_confirmed", event=event)

    assert [row.status for row in shop.messages()] == ["pending"]
    wrong.close()
    provide(Carrier, lambda: whole)


def test_a_hostile_name_reaches_only_its_own_mailbox(shop: Shop, sandbox: SandboxProcess) -> None:
    hostile = "Omar <script>\r\nBcc: nour@example.com"
    order = shop.order(shop.customer(hostile, "en", OMAR))

    shop.run(send_mail, order, "order_confirmed", event=new_id())

    (mail,) = sandbox.mailbox(channel="mail")
    assert mail["to"] == "omar@example.com"
    assert "Hello Omar <script> Bcc: nour@example.com," in mail["text"]
    assert "<script" not in mail["html"]


def test_the_carriers_reports_only_move_forward(shop: Shop) -> None:
    # Given an SMS that was sent
    shop.run(send_sms, shop.order(shop.customer("Omar", "en", OMAR)), "order_confirmed", event=new_id())
    (row,) = shop.messages()

    # When its reports come in any order
    seen = []
    for status in ("sent", "queued", "no-such-word", "delivered", "sent", "failed"):
        shop.run(note_delivery, row.provider_id, status)
        seen.append(shop.messages()[0].delivery)

    # Then an older one changes nothing, and the last word stays
    assert seen == ["sent", "sent", "sent", "delivered", "delivered", "delivered"]


def test_a_report_that_overtakes_our_commit_is_tried_again(shop: Shop) -> None:
    with pytest.raises(UnknownToUs):
        shop.run(note_delivery, "SM00000000000000000000000000001042", "queued")


def test_a_carrier_finds_only_what_it_was_given_since(sandbox: SandboxProcess) -> None:
    carrier = carrier_at(sandbox.url)
    text = Text(to=LAYLA, body="Your order #7 is confirmed!")
    now = clock.now()
    long_ago, in_an_hour = now - timedelta(days=1), now + timedelta(hours=1)

    assert carrier.find(text, long_ago) is None
    sid = carrier.send(text)

    assert carrier.find(text, long_ago) == sid
    assert carrier.find(text, in_an_hour) is None
    assert carrier.find(replace(text, body="Your order #8 is confirmed!"), long_ago) is None
    carrier.close()
