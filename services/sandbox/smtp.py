"""Mail comes in by SMTP and goes into the mailbox, once per recipient, with its Message-ID."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
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
    message = message_from_bytes(content, policy=policy.default)
    return [
        mailbox.Letter(
            channel="mail",
            to=parseaddr(recipient)[1] or recipient,
            sender=str(message["From"] or ""),
            subject=str(message["Subject"] or ""),
            text=_part(message, "plain") or "",
            html=_part(message, "html"),
            message_id=str(message["Message-ID"] or "").strip() or None,
        )
        for recipient in recipients
    ]


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset nobody knows: show the bytes rather than refuse the mail
        raw = part.get_payload(decode=True)
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


async def listen(world: World) -> asyncio.Server:
    """Open the SMTP port on the running loop; name the variable that moves it when it is taken."""
    loop = asyncio.get_running_loop()
    drop, settings = MailDrop(world), world.settings

    def serve() -> SMTP:
        return SMTP(drop, hostname="sandbox.taboor.example", enable_SMTPUTF8=True, loop=loop)

    try:
        return await loop.create_server(serve, settings.bind_host, settings.sandbox_smtp_port)
    except OSError as error:
        raise SystemExit(f"the SMTP port {settings.sandbox_smtp_port} is taken; SANDBOX_SMTP_PORT moves it") from error
