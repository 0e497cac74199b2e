"""Mail comes in by SMTP and goes into the mailbox, once per recipient, with its Message-ID."""

import asyncio
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.sandbox import mailbox
from services.sandbox.world import World

DOWN = "451 4.3.2 The mail server is down for now; try again later"


class MailDrop:
    """What aiosmtpd calls as a mail arrives."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._world.switches.on("smtp_down"):
            return DOWN
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        content = envelope.content
        assert isinstance(content, bytes)
        letters = read_mail(content, envelope.rcpt_tos)
        with self._world.store.transaction():
            for letter in letters:
                mailbox.put(self._world.store, letter)
        return "250 2.0.0 OK: in the mailbox"


def read_mail(content: bytes, recipients: list[str]) -> list[mailbox.Letter]:
    """Return a letter per recipient. The older parser is used: the newer one takes twenty times as long."""
    message = message_from_bytes(content)
    parts = _parts(message)
    return [
        mailbox.Letter(
            channel="mail",
            to=parseaddr(recipient)[1] or recipient,
            sender=_header(message, "From"),
            subject=_header(message, "Subject"),
            text=parts.get("text/plain", ""),
            html=parts.get("text/html"),
            message_id=_header(message, "Message-ID").strip() or None,
        )
        for recipient in recipients
    ]


def _header(message: Message, name: str) -> str:
    value = message[name] or ""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):  # broken encoding: show it as it came
        return str(value)


def _parts(message: Message) -> dict[str, str]:
    """Return the first text of each kind, by its type; attachments are not shown."""
    found: dict[str, str] = {}
    for part in message.walk():
        if part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment":
            found.setdefault(part.get_content_type(), _text(part))
    return found


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset nobody knows
        return raw.decode("utf-8", "replace")


async def listen(world: World) -> asyncio.Server:
    """Open the SMTP port on the running loop; name the variable that moves it when it is taken."""
    loop = asyncio.get_running_loop()
    drop, settings = MailDrop(world), world.settings

    def serve() -> SMTP:
        return SMTP(drop, hostname="sandbox.taboor.example", enable_SMTPUTF8=True, loop=loop)

    try:
        return await loop.create_server(serve, settings.bind_host, settings.sandbox_smtp_port, reuse_address=True)
    except OSError as error:
        raise SystemExit(f"the SMTP port {settings.sandbox_smtp_port} is taken; SANDBOX_SMTP_PORT moves it") from error
