"""Tell customers what became of their orders and videos: a job and a row for each recipient and channel."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog

from shared.config import settings
from shared.db.sql import notifications as sql
from shared.db.transaction import Transaction
from shared.events.catalogue import CarrierReported, OrderEvent, VideoEvent
from shared.jobs.collaborators import provide
from shared.jobs.job import JobType, Message, job
from shared.jobs.middleware import Limit, rate_limited
from shared.jobs.running import Running
from shared.notifications.catalogue import NOTIFICATIONS, VIDEOS, Channel
from shared.notifications.mail import Letter, Mailer, message_id
from shared.notifications.message import CustomerMessage, StoredMessage
from shared.notifications.refused import Refused
from shared.notifications.sms import Carrier, Text
from shared.notifications.video_message import VideoMessage

log = structlog.get_logger()

provide(Mailer, Mailer.from_settings)
provide(Carrier, Carrier.from_settings)

A_DAY = timedelta(hours=24)  # a carrier that is down for longer is for people to look at
BACKOFF = (1, 5, 30, 120, 600)
CARRIERS_PACE = rate_limited(Limit("sms", lambda: settings().sms_per_second))


@job(queue="notifications", tries=5, backoff=BACKOFF)
def mark_unsent(tx: Transaction, aggregate_id: UUID, kind: str, channel: str, error: str) -> None:
    """A message whose job failed for good is not on its way any more: its row says so, and why."""
    log.error("somebody was not told", alert="message_failed", kind=kind, channel=channel, error=error)
    sql.give_up(tx, aggregate_id, kind, channel, error)


def _mail_failed(about: UUID, kind: str, error: str) -> Message:
    return mark_unsent.message(about, kind, "mail", error)


def _sms_failed(about: UUID, kind: str, error: str) -> Message:
    return mark_unsent.message(about, kind, "sms", error)


# A mail server cannot be asked whether it has a mail already, so the success waits for the disk.
@job(queue="notifications", retry_until=A_DAY, backoff=BACKOFF, timeout=30, durable=True, failed=_mail_failed)
def send_mail(job: Running, about: UUID, kind: str, mailer: Mailer) -> None:
    """Send it once; after a crash between the server's acceptance and our commit again, with the same Message-ID."""
    with job.transaction() as tx:
        message = _find(job, tx, about, kind, "mail")
        letter = begin_letter(tx, message)
    send_letter(job, message, letter, mailer)


@job(
    queue="notifications",
    retry_until=A_DAY,
    backoff=BACKOFF,
    timeout=30,
    failed=_sms_failed,
    middleware=(CARRIERS_PACE,),
)
def send_sms(job: Running, about: UUID, kind: str, carrier: Carrier) -> None:
    """Send it once: an attempt that follows another first asks the carrier whether it has it."""
    with job.transaction() as tx:
        message = _find(job, tx, about, kind, "sms")
        text = _text(message)
        if not message.begun and text.to:
            message.begin(tx, text.to, text.body)
        elif not message.begun:
            message.skip(tx, "no phone number")
    if message.over or not text.to:
        return
    try:
        sid = _sent_before(job, message, text, carrier) or carrier.send(text)
    except Refused as refused:
        _give_up(job, message, refused)
    else:
        with job.finishing() as tx:
            message.sent(tx, text.to, sid)


@job(queue="notifications")
def keep_in_inbox(job: Running, tx: Transaction, about: UUID, kind: str) -> None:
    """Keep it where the customer finds it in the shop."""
    message = _find(job, tx, about, kind, "database")
    if not message.begun:
        message.keep(tx)


# A report may overtake the commit that makes the message known to us.
@job(queue="notifications", tries=8, backoff=(1, 5, 30, 120))
def note_delivery(tx: Transaction, notification_id: UUID | None, provider_id: str, status: str) -> None:
    """Write down what the carrier says became of an SMS."""
    sql.report(tx, notification_id, provider_id, status)


def _find(job: Running, tx: Transaction, about: UUID, kind: str, channel: Channel) -> StoredMessage:
    """Return the message: of a kind is told either an order's customer or a video's owner."""
    if kind in VIDEOS:
        return VideoMessage.find(job, tx, about, kind, channel)
    return CustomerMessage.find(job, tx, about, kind, channel)


def begin_letter(tx: Transaction, message: StoredMessage) -> Letter:
    """Write the letter, and that it may be sent from now on."""
    letter = _letter(message)
    if not message.begun:
        message.begin(tx, letter.to, letter.text, letter.message_id)
    return letter


def send_letter(job: Running, message: StoredMessage, letter: Letter, mailer: Mailer) -> None:
    """Send a letter that was begun, unless it is over; the last thing a job does."""
    if message.over:
        return
    try:
        mailer.send(letter)
    except Refused as refused:
        _give_up(job, message, refused)
    else:
        with job.finishing() as tx:
            message.sent(tx, letter.to)


def _letter(message: StoredMessage) -> Letter:
    words, row, sender = message.wording, message.row, settings().mail_from
    return Letter(
        message_id=row.message_id or message_id(message.id, sender),
        to=row.recipient or row.email,
        name=row.name,
        subject=words.subject,
        text=words.text(),
        html=words.html(),
        language=row.locale,
    )


def _text(message: StoredMessage) -> Text:
    row = message.row
    return Text(message.id, to=row.recipient or row.phone or "", body=row.body or message.wording.sms)


def _sent_before(job: Running, message: StoredMessage, text: Text, carrier: Carrier) -> str | None:
    """Return the carrier's id of the SMS if an earlier attempt sent it: by the carrier's report, or by asking."""
    if not message.begun:
        return None
    if known := message.row.provider_id or carrier.find(text, message.row.asked_at):
        return known
    with job.transaction():  # asking took its time: if the lease ran out meanwhile, another attempt is sending it
        return None


def _give_up(job: Running, message: StoredMessage, refused: Refused) -> None:
    """Nobody can repair a customer's wrong number by trying again: the row says why, and nobody is alarmed."""
    with job.finishing() as tx:
        message.refused(tx, str(refused))


SENDERS: dict[Channel, JobType] = {"mail": send_mail, "sms": send_sms, "database": keep_in_inbox}


def _listener(kind: str) -> Callable[[OrderEvent | VideoEvent], list[Message]]:
    """Return a listener that tells the order's customer, or the video's owner, by every channel of that kind."""
    channels = (NOTIFICATIONS | VIDEOS)[kind]

    def tell_customer(event: OrderEvent | VideoEvent) -> list[Message]:
        return [SENDERS[channel].message(event.aggregate_id, kind) for channel in channels]

    tell_customer.__name__ = f"tell_customer_{kind}"
    return tell_customer


# For the listener table, services/worker/listeners.py.
send_order_confirmation = _listener("order_confirmed")
send_rejection_notice = _listener("order_rejected")
send_cancellation_notice = _listener("order_cancelled")
send_expiry_notice = _listener("order_expired")
send_shipment_notification = _listener("order_shipped")
send_refund_notice = _listener("payment_refunded")
tell_owner_of_video = _listener("video_processed")
tell_owner_of_failure = _listener("video_failed")
tell_owner_of_rejection = _listener("video_rejected")


def keep_delivery_report(event: CarrierReported) -> list[Message]:
    return [note_delivery.message(event.notification_id, event.provider_id, event.status)]
