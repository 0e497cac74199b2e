"""Pusher's HTTP API for tests, as far as facts are sent by it: signatures are checked, and it can be out of order."""

import hashlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from shared.broadcasting.signatures import good_request

SECRET = "a-secret-of-pusher-only"


@dataclass
class PusherApi:
    """`with PusherApi() as pusher:`; `pusher.triggered` grows. statuses: with which it answers first, then 200.

    seconds: how long each answer takes.
    """

    statuses: tuple[int, ...] = ()
    seconds: float = 0.0
    triggered: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        api, self._next = self, deque(self.statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(api.seconds)
                answer = b"{}"
                self.send_response(api.take(self.path, body))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing: pytest shows what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def environment(self) -> dict[str, str]:
        port = str(self._server.server_port)
        return {"BROADCAST_CONNECTION": "pusher", "PUSHER_PORT": port, "PUSHER_APP_SECRET": SECRET}

    def take(self, target: str, body: bytes) -> int:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        signed = good_request(SECRET, "POST", url.path, query)
        if not signed or query["body_md5"] != hashlib.md5(body, usedforsecurity=False).hexdigest():
            return 401
        status = self._next.popleft() if self._next else 200
        if status == 200:
            self.triggered.append(json.loads(body))
        return status

    def recover(self) -> None:
        """Be well from now on, whatever was still to go wrong."""
        self._next.clear()

    def events(self) -> list[int]:
        """Return the positions of the facts it was told, in the order they came."""
        return [json.loads(one["data"])["event_id"] for one in self.triggered if "event_id" in one["data"]]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
