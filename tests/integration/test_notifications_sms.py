"""Customers are told once by SMS, whatever breaks on the way: the official Twilio client against the sandbox."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from services.worker.notifications import note_delivery, send_sms
from shared import clock
from shared.config import SANDBOX_TWILIO_SID
from shared.db.sql.notifications import UnknownToUs
from shared.ids import new_id
from shared.jobs.collaborators import collaborator, provide
from shared.notifications.sms import Carrier, Text
from tests.notifying import LAYLA, OMAR, Shop, carrier_at, open_shop
from tests.receiver import Receiver
from tests.sandbox import SandboxProcess
from tests.waiting import wait_until


@pytest.fixture
def shop(database_url: str, sandbox: SandboxProcess) -> Iterator[Shop]:
    with open_shop(database_url, sandbox) as opened:
        yield opened


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


def test_the_carriers_reports_only_move_forward(shop: Shop) -> None:
    # Given an SMS that was sent
    shop.run(send_sms, shop.order(shop.customer("Omar", "en", OMAR)), "order_confirmed", event=new_id())
    (row,) = shop.messages()

    # When its reports come in any order
    seen = []
    for status in ("sent", "queued", "no-such-word", "delivered", "sent", "failed"):
        shop.run(note_delivery, None, row.provider_id, status)
        seen.append(shop.messages()[0].delivery)

    # Then an older one changes nothing, and the last word stays
    assert seen == ["sent", "sent", "sent", "delivered", "delivered", "delivered"]


def test_a_report_that_overtakes_our_commit_says_that_the_sms_was_sent(shop: Shop, sandbox: SandboxProcess) -> None:
    # Given an attempt that never heard the carrier's answer, and a carrier that now is down
    order, event = shop.order(shop.customer("Omar", "en", OMAR)), new_id()
    sandbox.set(sms_no_answer_after_sending=1)
    with pytest.raises(requests.ConnectionError):
        shop.run(send_sms, order, "order_confirmed", event=event)
    (begun,), (sms,) = shop.messages(), sandbox.mailbox(channel="sms")
    sandbox.set(sms_down=True)

    # When the carrier's report comes before the next attempt
    shop.run(note_delivery, begun.id, sms["message_id"], "delivered")
    shop.run(send_sms, order, "order_confirmed", event=event)

    # Then nobody had to be asked
    (row,) = shop.messages()
    assert (row.status, row.delivery, row.provider_id) == ("sent", "delivered", sms["message_id"])
    assert len(shop.facts()) == 1


def test_the_carriers_reports_come_back_with_our_messages_id(sandbox: SandboxProcess) -> None:
    text = Text(new_id(), to=OMAR, body="Your order #1042 is confirmed!")
    with Receiver() as receiver:
        carrier = carrier_at(sandbox.url, report_to=f"{receiver.url}/webhooks/twilio/status")
        carrier.send(text)
        wait_until(lambda: len(receiver.received) == 3)
        carrier.close()

    assert {report.path for report in receiver.received} == {f"/webhooks/twilio/status?notification={text.id}"}


def test_a_report_of_a_message_that_we_do_not_know_yet_is_tried_again(shop: Shop) -> None:
    with pytest.raises(UnknownToUs):
        shop.run(note_delivery, None, "SM00000000000000000000000000001042", "queued")


def test_a_carrier_finds_only_what_it_was_given_since(sandbox: SandboxProcess) -> None:
    carrier = carrier_at(sandbox.url)
    text = Text(new_id(), to=LAYLA, body="Your order #7 is confirmed!")
    now = clock.now()
    long_ago, in_an_hour = now - timedelta(days=1), now + timedelta(hours=1)

    assert carrier.find(text, long_ago) is None
    sid = carrier.send(text)

    assert carrier.find(text, long_ago) == sid
    assert carrier.find(text, in_an_hour) is None
    assert carrier.find(replace(text, body="Your order #8 is confirmed!"), long_ago) is None
    carrier.close()
