"""The owner of a video is told that it can be played, that it failed, or that the file is at fault; once each."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from services.worker.listeners import LISTENERS
from shared.domain.videos import SENTENCES, Refusal
from shared.jobs.collaborators import provide
from shared.jobs.testing import drain
from shared.notifications.catalogue import VIDEOS
from shared.notifications.mail import Mailer
from shared.notifications.sms import Carrier
from shared.notifications.video_message import VideoWording
from tests.films import Studio, film
from tests.sandbox import SandboxProcess

LAYLA = "+201001234567"


@pytest.fixture
def outside(studio: Studio, sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The mailbox of a customer with a phone."""
    mailer, carrier = Mailer.from_settings(), Carrier.from_settings()
    provide(Mailer, lambda: mailer)
    provide(Carrier, lambda: carrier)
    studio.rows("update users set phone = %s, locale = 'en'", LAYLA)
    yield sandbox
    mailer.close()
    carrier.close()


def work(studio: Studio) -> None:
    drain(studio.connection, LISTENERS, retry_at_once=True, within=60)


def told(studio: Studio) -> list[tuple[str, str, str]]:
    rows = studio.rows("select kind, channel, status from notifications order by kind, channel")
    return [(row.kind, row.channel, row.status) for row in rows]


def test_the_owner_is_told_once_that_a_video_can_be_played(studio: Studio, outside: SandboxProcess) -> None:
    studio.upload(film(1), "فيلم العيد.mp4")
    work(studio)
    assert told(studio) == [("video_processed", "database", "sent"), ("video_processed", "mail", "sent")]
    (mail,) = outside.mailbox(channel="mail")
    assert mail["subject"] == "Your video is ready: فيلم العيد.mp4"
    stored = studio.rows("select payload from events where name = 'NotificationStored'")
    assert [fact.payload["type"] for fact in stored] == ["App\\Notifications\\VideoProcessed"]


def test_the_owner_is_told_of_a_failure_by_mail_and_by_sms(studio: Studio, outside: SandboxProcess) -> None:
    # Given an upload that is lost
    video = studio.upload(film(1), "walnut-desk.mp4")
    studio.source(video).unlink()
    # When the workers give up
    work(studio)
    # Then its owner is told, once by each channel
    assert told(studio) == [("video_failed", channel, "sent") for channel in ("database", "mail", "sms")]
    (sms,) = outside.mailbox(channel="sms")
    assert sms["text"] == 'We could not process your video "walnut-desk.mp4". Please try again.'
    (mail,) = outside.mailbox(channel="mail")
    assert mail["subject"] == "We could not process your video: walnut-desk.mp4"


def test_the_owner_is_told_why_a_file_is_refused_in_their_language(studio: Studio, outside: SandboxProcess) -> None:
    studio.rows("update users set locale = 'ar'")
    studio.upload(b"<html>walnut-desk</html>" * 100, "ليلى.mp4")
    work(studio)
    assert told(studio) == [("video_rejected", "database", "sent"), ("video_rejected", "mail", "sent")]
    assert len(outside.mailbox(channel="mail")) == 1
    (note,) = studio.rows("select body from notifications where channel = 'database'")
    assert "الملف ده مش فيديو." in note.body
    assert "ليلى.mp4" in note.body


def wording(kind: str, locale: str, **changes: Any) -> VideoWording:
    video = {"filename": "walnut-desk.mp4", "code": None, "reason": None, "locale": locale, "name": "ليلى"}
    return VideoWording(kind, SimpleNamespace(**(video | changes)))


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_every_message_and_every_refusal_has_its_words(locale: str) -> None:
    for kind, channels in VIDEOS.items():
        words = wording(kind, locale, code="damaged", reason=SENTENCES[Refusal.DAMAGED], filename="ف" * 300)
        assert 0 < len(words.subject) < 120
        assert words.message in words.text()
        assert words.html()
        assert "sms" not in channels or len(words.sms) <= (160 if locale == "en" else 70)
    said = {wording("video_rejected", locale, code=r.value, reason=SENTENCES[r]).message for r in Refusal}
    assert len(said) == len(Refusal)


def test_a_name_cannot_break_a_header_or_a_page() -> None:
    words = wording("video_processed", "en", filename="a\r\nBcc: omar@example.com <b>\u202e")
    assert "\n" not in words.subject
    assert "<b>" not in words.html()
