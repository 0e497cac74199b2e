"""How the sandbox gives no answer: the TCP connection is cut while the client waits."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "taboor.hang_up"


class HangUpProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, whose connection the application may cut: ASGI itself has no way to."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self.transport.abort}}


class NoAnswer(Response):
    """Cut the connection. Waiting for the disconnect keeps uvicorn from answering 500 in our place."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        scope["extensions"][EXTENSION]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass
