"""SMS by the official Twilio client: send, and look whether an SMS was sent already."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import phonenumbers
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from shared.config import Settings, settings
from shared.notifications.refused import Refused

SECONDS = 10  # a carrier that is silent for longer gives no answer
CLOCKS_DIFFER = timedelta(minutes=1)  # the carrier's clock and our database's
LATEST = 50  # how many SMS to one number are looked through

#: The number is wrong, out of reach, or its owner said STOP. Every other error is ours or passes, and is tried again.
NEVER_REACHED = {21211, 21214, 21217, 21408, 21610, 21612, 21614, 21635}


@dataclass(frozen=True, slots=True)
class Text:
    id: UUID  # the notification's: what the carrier reports comes back with it
    to: str  # E.164
    body: str


class Carrier:
    """Hands SMS to Twilio.

    base: where its API is; the sandbox's address in the demo.
    report_to: the address to which it reports what became of a message.
    """

    def __init__(self, *, base: str, account: str, token: str, sender: str, report_to: str) -> None:
        self._http = TwilioHttpClient(timeout=SECONDS)
        client = Client(account, token, http_client=self._http)
        client.api.base_url = base
        self._messages = client.messages
        self._sender = sender
        self._report_to = report_to

    @classmethod
    def from_settings(cls) -> Self:
        return cls.of(settings())

    @classmethod
    def of(cls, given: Settings) -> Self:
        return cls(
            base=given.twilio_api_base,
            account=given.twilio_account_sid,
            token=given.twilio_auth_token.get_secret_value(),
            sender=given.twilio_from,
            report_to=f"{given.public_url.rstrip('/')}/webhooks/twilio/status",
        )

    def send(self, text: Text) -> str:
        """Return the carrier's id of the accepted SMS; raise Refused if this number can never be reached."""
        check_number(text.to)
        report_to = f"{self._report_to}?notification={text.id}"
        try:
            accepted = self._messages.create(to=text.to, from_=self._sender, body=text.body, status_callback=report_to)
        except (TwilioRestException, TwilioServiceException) as error:
            if error.code in NEVER_REACHED:
                raise Refused(f"{error.code} {_sentence(error)}") from error
            raise
        return str(accepted.sid)

    def find(self, text: Text, asked_at: datetime) -> str | None:
        """Return the id of that SMS if the carrier accepted it since, else None.

        The carrier's own filter by date leaves out what is still queued, so the dates are compared here.
        """
        since = asked_at - CLOCKS_DIFFER
        for known in self._messages.list(to=text.to, from_=self._sender, limit=LATEST):
            # A trial account writes a sentence of its own in front.
            if known.body.endswith(text.body) and known.date_created >= since:
                return str(known.sid)
        return None

    def close(self) -> None:
        self._http.session.close()


def check_number(number: str) -> None:
    """Raise Refused unless it is a possible number in E.164; whether it exists, only the carrier knows."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        raise Refused(f"this is no phone number: {error}") from error
    if not phonenumbers.is_possible_number(parsed) or number != e164(parsed):
        raise Refused("this is no phone number with its country's code")


def e164(parsed: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _sentence(error: Any) -> str:
    return str(getattr(error, "msg", None) or getattr(error, "title", ""))
