"""The words of every message in both languages, and the letters and numbers that leave the house."""

from email import message_from_bytes, policy
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.worker import notifications as worker
from shared.clock import now
from shared.domain.orders import OrderStatus
from shared.events.catalogue import CarrierReported, OrderConfirmed, OrderRejected, OrderShipped
from shared.events.snapshots import OrderSnapshot
from shared.ids import new_id
from shared.notifications.catalogue import NOTIFICATIONS
from shared.notifications.mail import Letter, Mailer, build, message_id
from shared.notifications.refused import Refused
from shared.notifications.sms import check_number
from shared.notifications.wording import Wording, money, one_line

DESK = {"quantity": 2, "name": "Walnut desk", "price": 500000}
DESK_IN_ARABIC = {"quantity": 2, "name": "مكتب خشب جوز", "price": 500000}
SHOP = "Taboor <shop@taboor.example>"


def wording(kind: str, locale: str = "en", **changes: Any) -> Wording:
    order = {
        "number": 1042,
        "reason": None,
        "total": 500000,
        "currency": "EGP",
        "locale": locale,
        "name": "ليلى" if locale == "ar" else "Omar",
        "lines": [DESK_IN_ARABIC if locale == "ar" else DESK],
    }
    return Wording(kind, SimpleNamespace(**(order | changes)))


def letter(**changes: Any) -> Letter:
    usual: dict[str, Any] = {
        "message_id": "<42@taboor.example>",
        "to": "layla@example.com",
        "name": "ليلى",
        "subject": "طلبك رقم #1042 اتأكد",
        "text": "أهلاً ليلى،",
        "html": '<html lang="ar" dir="rtl"><p>أهلاً ليلى،</p></html>',
        "language": "ar",
    }
    return Letter(**(usual | changes))


@pytest.mark.parametrize(
    ("kind", "locale", "subject", "sentence"),
    [
        ("order_confirmed", "en", "Your order #1042 is confirmed", "Your order #1042 is paid and confirmed"),
        ("order_confirmed", "ar", "طلبك رقم #1042 اتأكد", "طلبك رقم #1042 اتدفع واتأكد"),
        ("order_shipped", "en", "Your order #1042 is on its way", "has left our store"),
        ("order_shipped", "ar", "طلبك رقم #1042 في السكة", "خرج من المخزن وفي السكة ليك"),
        ("order_rejected", "en", "Your order #1042 could not be completed", "could not be completed. Nothing is kept"),
        ("order_rejected", "ar", "طلبك رقم #1042 ماكملش", "مفيش أي مبلغ عندنا ليك"),
        ("order_cancelled", "en", "Your order #1042 is cancelled", "goes back to your card"),
        ("order_cancelled", "ar", "طلبك رقم #1042 اتلغى", "هيرجعلك على نفس الكارت"),
        ("order_expired", "en", "Your order #1042 has expired", "was not paid in time"),
        ("order_expired", "ar", "وقت طلبك رقم #1042 خلص", "ما اتدفعش في الوقت المحدد"),
        ("payment_refunded", "en", "We refunded your order #1042", "We returned 5,000.00 EGP for your order #1042"),
        ("payment_refunded", "ar", "رجّعنا فلوس طلبك رقم #1042", "رجّعنا 5,000.00 ج.م بتوع طلبك رقم #1042"),
    ],
)
def test_every_message_speaks_both_languages(kind: str, locale: str, subject: str, sentence: str) -> None:
    words = wording(kind, locale)

    assert words.subject == subject
    assert sentence in words.message
    assert sentence in words.text()
    assert sentence in words.html()


def test_whatever_the_catalogue_promises_has_its_words() -> None:
    for kind, channels in NOTIFICATIONS.items():
        for locale in ("en", "ar"):
            words = wording(kind, locale)
            assert "1042" in words.subject
            assert "1042" in words.message
            assert "sms" not in channels or "#1042" in words.sms


def test_the_sms_says_what_the_lecture_says() -> None:
    assert wording("order_confirmed").sms == "Your order #1042 is confirmed!"
    assert wording("order_confirmed", "ar").sms == "طلبك رقم #1042 اتأكد!"


def test_an_sms_fits_into_one() -> None:
    for kind, channels in NOTIFICATIONS.items():
        if "sms" in channels:
            assert len(wording(kind, "en", number=10**9).sms) <= 160
            assert len(wording(kind, "ar", number=10**9).sms) <= 70


def test_a_rejection_says_why() -> None:
    declined = wording("order_rejected", reason="card_declined").message
    sold_out = wording("order_rejected", reason="out_of_stock").message

    assert "Your bank declined the card" in declined
    assert "sold out" in sold_out
    assert "البنك رفض الكارت" in wording("order_rejected", "ar", reason="card_declined").message
    assert "الكمية خلصت" in wording("order_rejected", "ar", reason="out_of_stock").message


def test_a_text_letter_lists_what_was_ordered() -> None:
    text = wording("order_confirmed").text()

    assert text == (
        "Hello Omar,\n\n"
        "Thank you! Your order #1042 is paid and confirmed, and we are packing it now.\n\n"
        "2 × Walnut desk: 5,000.00 EGP\n"
        "Total: 5,000.00 EGP\n\n"
        "Taboor\n"
    )


def test_an_arabic_letter_reads_from_right_to_left() -> None:
    html = wording("order_confirmed", "ar").html()

    assert '<html lang="ar" dir="rtl">' in html
    assert "أهلاً <bdi>ليلى</bdi>،" in html
    assert "2 × <bdi>مكتب خشب جوز</bdi>" in html
    assert "<td>الإجمالي</td>" in html
    assert "5,000.00 ج.م" in html
    assert '<html lang="en" dir="ltr">' in wording("order_confirmed").html()


def test_money_is_written_as_the_shops_customers_read_it() -> None:
    assert money(125000, "EGP", "en") == "1,250.00 EGP"
    assert money(125000, "EGP", "ar") == "1,250.00 ج.م"
    assert money(125000, "USD", "ar") == "1,250.00 USD"


def test_hostile_names_are_only_text() -> None:
    script = "<script>alert('desk')</script>"
    words = wording("order_confirmed", name=f'"><img src=x> {script}', lines=[DESK | {"name": script}])

    html = words.html()

    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") == 2
    assert script in words.text()  # a text is no HTML: nothing to escape


def test_a_name_with_line_breaks_or_turned_direction_stays_one_line() -> None:
    assert one_line("Omar\r\nBcc: everyone@example.com\u2028\u202e") == "Omar Bcc: everyone@example.com"

    text = wording("order_confirmed", name="Omar\n\nYou won!", lines=[DESK | {"name": "desk\nTotal: 0"}]).text()

    assert text.startswith("Hello Omar You won!,\n")
    assert "2 × desk Total: 0: 5,000.00 EGP\n" in text


def test_a_letter_on_the_wire_is_text_and_html_in_utf_8() -> None:
    content = build(letter(), SHOP)

    mail = message_from_bytes(content, policy=policy.default)
    assert mail["Message-ID"] == "<42@taboor.example>"
    assert mail["From"] == SHOP
    assert mail["To"] == "ليلى <layla@example.com>"
    assert mail["Subject"] == "طلبك رقم #1042 اتأكد"
    assert mail["Content-Language"] == "ar"
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert plain.get_content() == "أهلاً ليلى،"
    assert html is not None
    assert 'dir="rtl"' in html.get_content()
    assert content.isascii()  # any server takes it
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_name_cannot_write_a_header() -> None:
    content = build(letter(name="Omar\r\nBcc: everyone@example.com\r\n\r\nYou won!"), SHOP)

    mail = message_from_bytes(content, policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["To"] == '"Omar Bcc: everyone@example.com You won!" <layla@example.com>'


@pytest.mark.parametrize("part", ["subject", "message_id", "language"])
def test_no_other_header_takes_a_line_break_either(part: str) -> None:
    with pytest.raises(ValueError, match="no header may hold"):
        build(letter(**{part: "1042\r\nBcc: everyone@example.com"}), SHOP)


@pytest.mark.parametrize("address", ["layla@example.com\r\nRCPT TO:<omar@example.com>", "lay la@example.com", "ليلى@x"])
def test_what_is_no_mail_address_is_refused_before_anyone_is_asked(address: str) -> None:
    with pytest.raises(Refused, match="no mail address"):
        Mailer("smtp://127.0.0.1:9", SHOP).send(letter(to=address))


def test_a_message_id_is_in_the_senders_domain() -> None:
    assert message_id(UUID(int=42), SHOP) == "<00000000-0000-0000-0000-00000000002a@taboor.example>"


@pytest.mark.parametrize("url", ["smtp://layla:secret@mail.example:25", "http://mail.example"])
def test_a_password_is_never_sent_in_the_clear(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL"):
        Mailer(url, SHOP)


def test_only_whole_numbers_are_dialled() -> None:
    check_number("+201001234567")

    for wrong in ("01001234567", "+2010", "+20 100 123 4567", "ليلى", ""):
        with pytest.raises(Refused):
            check_number(wrong)


def test_a_fact_becomes_a_job_for_each_channel() -> None:
    order = OrderSnapshot(
        id=new_id(),
        number=1042,
        user_id=new_id(),
        status=OrderStatus.CONFIRMED,
        total=500000,
        currency="EGP",
        payment_method="pm_card_visa",
        version=3,
        placed_at=now(),
        items=(),
    )

    confirmed = worker.send_order_confirmation(OrderConfirmed(order=order))
    rejected = worker.send_rejection_notice(OrderRejected(order=order))
    shipped = worker.send_shipment_notification(OrderShipped(order=order))

    assert [job.name for job in confirmed] == ["send_mail", "send_sms", "keep_in_inbox"]
    assert {job.args for job in confirmed} == {(order.id, "order_confirmed")}
    assert {job.queue for job in confirmed} == {"notifications"}
    assert [job.name for job in rejected] == ["send_mail", "keep_in_inbox"]
    assert [job.args[1] for job in shipped] == ["order_shipped"] * 3


def test_what_the_carrier_reports_is_noted() -> None:
    notification = new_id()

    (job,) = worker.keep_delivery_report(
        CarrierReported(notification_id=notification, provider_id="SM42", status="delivered")
    )

    assert (job.name, job.args) == ("note_delivery", (notification, "SM42", "delivered"))
