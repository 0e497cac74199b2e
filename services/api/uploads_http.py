"""What HTTP asks of requests that carry a file: no limit of their size, and a refusal that its sender hears.

A server that closes a connection while the client is sending makes the client see a broken pipe in place of the answer;
one that reads on takes gigabytes which it has refused. So a refusal is sent, what still comes is thrown away for a
moment, and then the connection is closed.
"""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from services.api.uploads_headers import VERSION

LINGERS = 1.0  # seconds …
LINGERS_FOR = 16 * 2**20  # … or bytes
SMALL = 64 * 1024  # bytes of a body that may as well be read
#: For clients behind proxies that know no PATCH; tus says that a server must.
OVERRIDE = "x-http-method-override"


def speaks_tus(scope: Scope) -> bool:
    path: str = scope["path"]
    return path == "/uploads" or path.startswith("/uploads/")


def carries_file(scope: Scope) -> bool:
    """Say whether the body may be a file: those routes, and no others, read bodies of any size, and piece by piece."""
    method: str = scope["method"]
    path: str = scope["path"]
    if speaks_tus(scope):
        return method == ("POST" if path == "/uploads" else "PATCH")
    return method == "PUT" and path.startswith("/videos/")


def override_method(scope: Scope, headers: Headers) -> None:
    if scope["method"] == "POST" and scope["path"].startswith("/uploads/"):
        wanted = headers.get(OVERRIDE, "").upper()
        if wanted in ("PATCH", "DELETE"):
            scope["method"] = wanted


class Carrier:
    """Between the server and the routes of one such request."""

    def __init__(self, headers: Headers, receive: Receive, send: Send, *, tus: bool) -> None:
        self._receive, self._send, self._tus = receive, send, tus
        announced = headers.get("content-length", "0")
        small = announced.isascii() and announced.isdecimal() and int(announced) <= SMALL
        self._unread = "transfer-encoding" in headers or not small
        self._hangs_up = False

    async def receive(self) -> Message:
        message = await self._receive()
        if not message.get("more_body", False):  # the end of it, or of the connection
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(MutableHeaders(scope=message))
        elif self._hangs_up and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def _begin(self, headers: MutableHeaders) -> None:
        if self._tus:
            headers["Tus-Resumable"] = VERSION
        if self._unread:
            headers["Connection"] = "close"
            self._hangs_up = True

    async def _linger(self) -> None:
        left = LINGERS_FOR
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGERS):
                while self._unread and left > 0:
                    left -= len((await self.receive()).get("body", b""))
