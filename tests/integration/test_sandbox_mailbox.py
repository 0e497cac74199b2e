"""The sandbox's carrier and mail server put what they accept into the mailbox, refuse the rest, and can be down."""

import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from shared.config import SANDBOX_TWILIO_TOKEN
from shared.ids import new_id
from tests.receiver import Receiver
from tests.sandbox import SandboxProcess, send_mail
from tests.waiting import wait_until

LAYLA_PHONE, OMAR_PHONE, SHOP_PHONE = "+201001234567", "+201112345678", "+15005550006"


def test_an_sms_is_sent_listed_fetched_and_in_the_mailbox(sandbox: SandboxProcess) -> None:
    carrier, before = sandbox.carrier(), datetime.now(UTC)
    body = f"طلبك رقم #1042 اتأكد! {new_id()}"
    sent = carrier.messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body=body)

    assert (sent.status, sent.date_sent, sent.num_segments) == ("queued", None, "1")
    wait_until(lambda: carrier.messages(str(sent.sid)).fetch().status == "delivered")
    found = carrier.messages.list(to=LAYLA_PHONE, date_sent_after=before)
    assert [one.sid for one in found if one.body == body] == [sent.sid]
    assert carrier.messages.list(to=LAYLA_PHONE, date_sent_after=before + timedelta(minutes=1)) == []
    (letter,) = sandbox.mailbox(to=LAYLA_PHONE, channel="sms")
    assert (letter["text"], letter["message_id"]) == (body, sent.sid)


def test_the_carriers_list_has_pages(sandbox: SandboxProcess) -> None:
    carrier = sandbox.carrier()
    sent = [carrier.messages.create(to=OMAR_PHONE, from_=SHOP_PHONE, body=f"part {n}").sid for n in range(7)]
    assert [one.sid for one in carrier.messages.list(to=OMAR_PHONE, page_size=3)][:7] == sent[::-1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "0100 123 4567"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550004"}, 21610),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+201009999999"}, 21606),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"status_callback": "not a url"}, 21609),
    ],
)
def test_what_the_carrier_would_refuse_is_refused(sandbox: SandboxProcess, change: dict[str, str], code: int) -> None:
    message: Any = {"to": LAYLA_PHONE, "from_": SHOP_PHONE, "body": "مرحبا"} | change
    with pytest.raises(TwilioRestException) as caught:
        sandbox.carrier().messages.create(**message)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert sandbox.mailbox() == []


def test_the_carrier_knows_its_customers(sandbox: SandboxProcess) -> None:
    with pytest.raises(TwilioRestException) as caught:
        sandbox.carrier(token="guessed").messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="hello")
    assert (caught.value.status, caught.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as missing:
        sandbox.carrier().messages("SM_of_nobody").fetch()
    assert missing.value.status == 404


def test_status_callbacks_are_signed_and_say_queued_sent_delivered(sandbox: SandboxProcess) -> None:
    with Receiver() as shop:
        url = f"{shop.url}/webhooks/twilio?notification=7"
        sent = sandbox.carrier().messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="ok", status_callback=url)
        wait_until(lambda: len(shop.received) == 3)

    validator = RequestValidator(SANDBOX_TWILIO_TOKEN)
    forms = [{name: values[0] for name, values in parse_qs(one.body).items()} for one in shop.received]
    for form, received in zip(forms, shop.received, strict=True):
        assert validator.validate(url, form, received.headers["X-Twilio-Signature"])
        assert not validator.validate(url, form | {"To": OMAR_PHONE}, received.headers["X-Twilio-Signature"])
    assert {form["MessageStatus"] for form in forms} == {"queued", "sent", "delivered"}
    assert {form["MessageSid"] for form in forms} == {sent.sid}


def test_a_carrier_that_is_down_sends_nothing(sandbox: SandboxProcess) -> None:
    sandbox.set(sms_down=True)
    with pytest.raises(TwilioRestException) as caught:
        sandbox.carrier().messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="hello")
    assert (caught.value.status, sandbox.mailbox()) == (503, [])


def test_a_carrier_that_does_not_answer_has_sent_it_and_can_be_asked(sandbox: SandboxProcess) -> None:
    carrier, body = sandbox.carrier(), f"once {new_id()}"
    sandbox.set(sms_no_answer_after_sending=1)
    with pytest.raises(requests.ConnectionError):
        carrier.messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body=body)
    assert [one.body for one in carrier.messages.list(to=LAYLA_PHONE, limit=1)] == [body]
    assert sandbox.mailbox_counts()["sms"] == {"messages": 1, "copies": 0}


def test_a_mail_is_in_the_mailbox_with_all_its_parts_and_doubles_are_counted(sandbox: SandboxProcess) -> None:
    send_mail(sandbox, to="omar@example.com", message_id="<one@taboor.example>")
    for _ in range(2):
        send_mail(sandbox, to="layla@example.com", message_id="<two@taboor.example>")

    newest, _, oldest = sandbox.mailbox(channel="mail")
    assert (oldest["to"], newest["to"]) == ("omar@example.com", "layla@example.com")
    assert (newest["subject"], newest["text"].strip()) == ("طلبك رقم #1042 اتأكد", "أهلا ليلى")
    assert "<b>ليلى</b>" in newest["html"]
    assert newest["message_id"] == "<two@taboor.example>"
    assert sandbox.mailbox(to="omar@example.com") == [oldest]
    assert sandbox.mailbox_counts()["mail"] == {"messages": 3, "copies": 1}


def test_a_mail_in_an_old_or_unknown_charset_arrives_all_the_same(sandbox: SandboxProcess) -> None:
    head = b"Subject: =?windows-1256?B?x+Hj3Obq?=\r\nContent-Type: text/plain; charset="
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        for charset, text in ((b"windows-1256", "مرحبا".encode("windows-1256")), (b"klingon", "مرحبا".encode())):
            server.sendmail("a@taboor.example", ["l@example.com", "o@example.com"], head + charset + b"\r\n\r\n" + text)
    assert [(mail["to"], mail["text"].strip()) for mail in sandbox.mailbox()] == [
        *(("o@example.com", "مرحبا"), ("l@example.com", "مرحبا")) * 2,
    ]


def test_a_mail_server_that_is_down_refuses_for_now(sandbox: SandboxProcess) -> None:
    sandbox.set(smtp_down=True)
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        send_mail(sandbox, to="layla@example.com", message_id="<late@taboor.example>")
    assert (caught.value.smtp_code, sandbox.mailbox()) == (451, [])


def test_a_person_can_read_the_mailbox_and_no_mail_can_run_a_script(sandbox: SandboxProcess) -> None:
    send_mail(sandbox, to="layla@example.com", message_id="<read@taboor.example>")
    sandbox.carrier().messages.create(to=LAYLA_PHONE, from_=SHOP_PHONE, body="<script>alert(2)</script>")
    page = httpx.get(f"{sandbox.url}/mailbox.html", trust_env=False)
    assert "اتأكد" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
