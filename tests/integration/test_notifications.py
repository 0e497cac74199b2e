"""Customers are told once by mail and inbox, whatever breaks on the way: real PostgreSQL and SMTP."""

import smtplib
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.worker.notifications import keep_in_inbox, send_mail, send_sms
from shared.ids import new_id
from shared.jobs.collaborators import collaborator, provide
from shared.notifications.mail import Letter, Mailer
from tests.notifying import LAYLA, OMAR, SHOP, Shop, open_shop
from tests.ports import free_port
from tests.sandbox import SandboxProcess


@pytest.fixture
def shop(database_url: str, sandbox: SandboxProcess) -> Iterator[Shop]:
    with open_shop(database_url, sandbox) as opened:
        yield opened


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


def test_a_mail_server_that_is_down_gets_the_mail_later_and_once(shop: Shop, sandbox: SandboxProcess) -> None:
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()
    sandbox.set(smtp_down=True)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPException):
            shop.run(send_mail, order, "order_confirmed", event=event)

    sandbox.set(smtp_down=False)
    shop.run(send_mail, order, "order_confirmed", event=event)

    assert sandbox.mailbox_counts()["mail"] == {"messages": 1, "copies": 0}


class Strict:
    """A mail server that never takes it, and says so to the sender's name or after the whole mail."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        envelope.mail_from = address
        return "550 5.7.1 Not from here" if self.stage == "MAIL" else "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - likewise
        return "554 5.6.0 Looks like spam"


@pytest.mark.parametrize(("stage", "answer"), [("MAIL", "550 5.7.1 Not from here"), ("DATA", "554 5.6.0 Looks like")])
def test_a_server_that_refuses_for_good_is_not_asked_again(shop: Shop, stage: str, answer: str) -> None:
    # Given a server that refuses the mail, not the address, and not only for now
    order = shop.order(shop.customer("Omar", "en", OMAR))
    port = free_port()
    strict, whole = Mailer(f"smtp://127.0.0.1:{port}", SHOP), collaborator(Mailer)
    provide(Mailer, lambda: strict)

    # When the mail is sent, then the job has succeeded, and the row says why there is no mail
    server = Controller(Strict(stage), hostname="127.0.0.1", port=port)
    server.start()
    shop.run(send_mail, order, "order_confirmed", event=new_id())
    server.stop()
    (row,) = shop.messages()
    assert row.status == "failed"
    assert row.delivery.startswith(answer)
    provide(Mailer, lambda: whole)


def test_a_connection_that_the_server_closed_is_made_anew(shop: Shop, sandbox: SandboxProcess) -> None:
    omar = shop.customer("Omar", "en", OMAR)
    shop.run(send_mail, shop.order(omar, 1042), "order_confirmed", event=new_id())

    sandbox.kill()
    sandbox.start()
    shop.run(send_mail, shop.order(omar, 1043), "order_confirmed", event=new_id())

    assert sandbox.mailbox_counts()["mail"] == {"messages": 2, "copies": 0}


def test_a_hostile_name_reaches_only_its_own_mailbox(shop: Shop, sandbox: SandboxProcess) -> None:
    hostile = "Omar <script>\r\nBcc: nour@example.com"
    order = shop.order(shop.customer(hostile, "en", OMAR))

    shop.run(send_mail, order, "order_confirmed", event=new_id())

    (mail,) = sandbox.mailbox(channel="mail")
    assert mail["to"] == "omar@example.com"
    assert "Hello Omar <script> Bcc: nour@example.com," in mail["text"]
    assert "<script" not in mail["html"]
