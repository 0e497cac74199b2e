"""SMS as the carrier keeps them: accepted, then queued, sent, delivered – by the clock, so that a crash loses none."""

import re
import sqlite3
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit

from services.sandbox import mailbox
from services.sandbox.carrier_errors import Body, Form, Refusal
from services.sandbox.world import World
from shared.ids import new_id

SENT_AFTER, DELIVERED_AFTER = 0.05, 0.2
API_VERSION = "2010-04-01"
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
LONGEST_BODY = 1600
# The carrier's published magic numbers.
REFUSED_TO = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: {}"),
    "+15005550002": (
        21612,
        "Message cannot be sent with the current combination of 'To' ({}) and/or 'From' parameters",
    ),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of {}"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient {}"),
    "+15005550009": (21614, "'To' number is not a valid mobile number: {}"),
}
REFUSED_FROM = {
    "+15005550001": (21212, "Invalid From Number (caller ID): {}"),
    "+15005550007": (
        21606,
        "The From phone number {} is not a valid, SMS-capable inbound phone number for your account",
    ),
    "+15005550008": (21611, "The source number {} has exceeded its maximum number of queued messages"),
}
MAGIC_FROM = "+15005550006"


def send(world: World, form: Form) -> sqlite3.Row:
    """Accept an SMS: into the carrier's book, the mailbox and, if asked, three status callbacks."""
    recipient, sender, body = _check(world, form)
    sid = f"SM{new_id().hex}"
    world.store.run(
        "insert into texts (sid, recipient, sender, body, created) values (?, ?, ?, ?, ?)",
        *(sid, recipient, sender, body, time.time()),
    )
    mailbox.put(world.store, mailbox.Letter("sms", recipient, sender, body, message_id=sid))
    row = find(world, sid)
    if callback := form.get("StatusCallback"):
        _post_callbacks(world, row, callback)
    return row


def find(world: World, sid: str) -> sqlite3.Row:
    row = world.store.one("select * from texts where sid = ?", sid)
    if row is None:
        raise Refusal(404, 20404, f"The requested resource /Messages/{sid}.json was not found")
    return row


def shown(world: World, row: sqlite3.Row) -> Body:
    account = world.settings.twilio_account_sid
    age = time.time() - row["created"]
    status = "delivered" if age >= DELIVERED_AFTER else "sent" if age >= SENT_AFTER else "queued"
    return {
        "account_sid": account,
        "api_version": API_VERSION,
        "body": row["body"],
        "date_created": _date(row["created"]),
        "date_sent": None if status == "queued" else _date(row["created"] + SENT_AFTER),
        "date_updated": _date(row["created"] + min(age, DELIVERED_AFTER)),
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": row["sender"],
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(_segments(row["body"])),
        "price": None,
        "price_unit": "USD",
        "sid": row["sid"],
        "status": status,
        "subresource_uris": {},
        "to": row["recipient"],
        "uri": f"/{API_VERSION}/Accounts/{account}/Messages/{row['sid']}.json",
    }


def _check(world: World, form: Form) -> tuple[str, str, str]:
    recipient, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    for value, code, message in (
        (recipient, 21604, "A 'To' phone number is required."),
        (sender, 21603, "A 'From' phone number is required."),
        (body, 21602, "Message body is required."),
    ):
        if not value:
            raise Refusal(400, code, message)
    _check_numbers(world, recipient, sender)
    if len(body) > LONGEST_BODY:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    callback = form.get("StatusCallback")
    if callback and (urlsplit(callback).scheme not in ("http", "https") or not urlsplit(callback).hostname):
        raise Refusal(400, 21609, f"The StatusCallback URL {callback} is not a valid URL.")
    return recipient, sender, body


def _check_numbers(world: World, recipient: str, sender: str) -> None:
    if not E164.fullmatch(recipient):
        raise Refusal(400, 21211, f"Invalid 'To' Phone Number: {recipient}")
    owned = sender in (world.settings.twilio_from, MAGIC_FROM)
    code, message = REFUSED_FROM.get(sender, (0, "") if owned else REFUSED_FROM["+15005550007"])
    if code:
        raise Refusal(400, code, message.format(sender))
    code, message = REFUSED_TO.get(recipient, (0, ""))
    if code:
        raise Refusal(400, code, message.format(recipient))


def _post_callbacks(world: World, row: sqlite3.Row, url: str) -> None:
    for status, after in (("queued", 0.0), ("sent", SENT_AFTER), ("delivered", DELIVERED_AFTER)):
        fields = {
            "AccountSid": world.settings.twilio_account_sid,
            "ApiVersion": API_VERSION,
            "From": row["sender"],
            "MessageSid": row["sid"],
            "MessageStatus": status,
            "SmsSid": row["sid"],
            "SmsStatus": status,
            "To": row["recipient"],
        }
        world.outbox.post("carrier", url, urlencode(fields), after=after)


def _segments(body: str) -> int:
    """Count the parts an SMS is sent in: 160 or 153 letters each, 70 or 67 when not all are Latin."""
    one, each = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= one else -(-len(body) // each)


def _date(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(moment, UTC))
