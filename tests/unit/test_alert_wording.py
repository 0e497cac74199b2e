"""Every alert has its words in both languages, and what it shows cannot break the letter."""

from types import SimpleNamespace

import pytest

from services.worker.alert_rules import RULES
from shared.notifications.catalogue import ALERTS
from shared.notifications.notice import AlertWording


def wording(rule: str, kind: str, locale: str = "en", detail: str = "7 jobs wait") -> AlertWording:
    row = SimpleNamespace(rule=rule, subject="orders", detail=detail, locale=locale, name="Nour")
    return AlertWording(kind, row)


@pytest.mark.parametrize("rule", [*RULES, "books"])
@pytest.mark.parametrize("kind", ALERTS)
def test_every_rule_has_its_words(rule: str, kind: str) -> None:
    english, arabic = wording(rule, kind), wording(rule, kind, "ar")
    assert english.subject.startswith(("Alert: ", "Over: "))
    assert arabic.subject.startswith(("تنبيه: ", "خلصت: "))
    for words in (english, arabic):
        assert "{}" not in words.subject
        assert "7 jobs wait" in words.message
        assert words.message in words.text()
        assert words.message in words.html()


def test_a_letter_to_an_operator_has_no_order_in_it() -> None:
    assert wording("queue_waits", "alert_opened").text() == (
        "Hello Nour,\n\nThe queue orders is late: 7 jobs wait. We write again when it is over.\n\nTaboor\n"
    )
    assert "<table" not in wording("queue_waits", "alert_opened").html()


def test_what_was_seen_is_only_text() -> None:
    hostile = wording("order_stuck", "alert_opened", detail="<script>alert('desk')</script>\r\nBcc: all")
    assert "<script" not in hostile.html()
    assert "\r" not in hostile.message
