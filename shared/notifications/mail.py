"""Mail: a letter of text and HTML, and the SMTP connection that each thread keeps for the next one."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr
from threading import local
from typing import Self
from urllib.parse import unquote, urlsplit

from shared.config import settings
from shared.notifications.refused import Refused
from shared.notifications.wording import one_line

SECONDS = 10  # an SMTP server that is silent for longer gives no answer
# The older policy builds a mail in a fifth of the time of the newer; what it does not check, `_header` does.
_POLICY = compat32.clone(linesep="\r\n")


@dataclass(frozen=True, slots=True)
class Letter:
    message_id: str  # with its angle brackets; the same when it is sent again
    to: str
    name: str
    subject: str
    text: str
    html: str
    language: str


class Mailer:
    """Hands letters to an SMTP server.

    url: `smtp://host:port`, `smtp+starttls://user:password@host:port`, or `smtps://…`; a password needs one of the
        last two.
    sender: `Taboor <shop@taboor.example>`.
    """

    def __init__(self, url: str, sender: str) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._kept = local()
        if self._url.scheme not in ("smtp", "smtp+starttls", "smtps"):
            raise ValueError(f"SMTP_URL starts with smtp, smtp+starttls or smtps, not {self._url.scheme!r}")
        if self._url.username and self._url.scheme == "smtp":
            raise ValueError("SMTP_URL has a password: use smtp+starttls or smtps, which do not show it to the network")

    @classmethod
    def from_settings(cls) -> Self:
        return cls(settings().smtp_url, settings().mail_from)

    def send(self, letter: Letter) -> None:
        """Return when the server has accepted the letter; raise Refused if it will never take it to this address."""
        if not letter.to.isascii() or not letter.to.isprintable() or " " in letter.to:
            raise Refused("this is no mail address")
        content = build(letter, self._sender)
        try:
            self._connection().sendmail(parseaddr(self._sender)[1], [letter.to], content)
        except smtplib.SMTPRecipientsRefused as refused:
            _refuse_for_good(*refused.recipients[letter.to], refused)
            raise
        except BaseException as error:
            self.close()  # an answer may still come, and the next letter would take it for its own
            if isinstance(error, (smtplib.SMTPSenderRefused, smtplib.SMTPDataError)):
                _refuse_for_good(error.smtp_code, error.smtp_error, error)
            raise

    def close(self) -> None:
        """Hang up this thread's connection."""
        kept: smtplib.SMTP | None = getattr(self._kept, "smtp", None)
        self._kept.smtp = None
        if kept is not None:
            kept.close()

    def _connection(self) -> smtplib.SMTP:
        """Return this thread's connection: the last one if it still answers, else a new one."""
        kept: smtplib.SMTP | None = getattr(self._kept, "smtp", None)
        if kept is None or not _answers(kept):
            self.close()
            self._kept.smtp = kept = self._connect()
        return kept

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "localhost", self._url.port or 0
        if self._url.scheme == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=ssl.create_default_context())
        else:
            smtp = smtplib.SMTP(host, port, timeout=SECONDS)
        if self._url.scheme == "smtp+starttls":
            smtp.starttls(context=ssl.create_default_context())
        if self._url.username:
            smtp.login(unquote(self._url.username), unquote(self._url.password or ""))
        return smtp


def message_id(of: object, sender: str) -> str:
    """Return the Message-ID of the message with that id, in the sender's domain."""
    return f"<{of}@{parseaddr(sender)[1].rpartition('@')[2]}>"


def build(letter: Letter, sender: str) -> bytes:
    """Write the letter as it goes over the wire: text and HTML, UTF-8."""
    mail = MIMEMultipart("alternative")
    for name, value in (
        ("Message-ID", letter.message_id),
        ("From", formataddr(parseaddr(sender))),
        ("To", formataddr((one_line(letter.name), letter.to))),
        ("Subject", letter.subject),
        ("Date", format_datetime(datetime.now(UTC), usegmt=True)),
        ("Content-Language", letter.language),
        ("Auto-Submitted", "auto-generated"),  # so that no out-of-office reply comes back
    ):
        mail[name] = _header(name, value)  # type: ignore[assignment]  # this policy takes a Header too
    mail.attach(MIMEText(letter.text, "plain", "utf-8"))
    mail.attach(MIMEText(letter.html, "html", "utf-8"))
    return mail.as_bytes(policy=_POLICY)


def _header(name: str, value: str) -> str | Header:
    """Return a header's value, encoded where it must be; a line break would begin a header of the customer's own."""
    if not value.isprintable():
        raise ValueError(f"{name} holds a character that no header may hold")
    return value if value.isascii() else Header(value, "utf-8", header_name=name)


def _refuse_for_good(code: int, answer: bytes | str, error: Exception) -> None:
    """Raise Refused if the server says that it will never take it; with a 4xx it may take it later."""
    if code >= 500:
        words = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
        raise Refused(f"{code} {words}") from error


def _answers(smtp: smtplib.SMTP) -> bool:
    """Ask before trusting it: a server closes idle connections, and a letter must not be what finds out."""
    try:
        return smtp.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False
