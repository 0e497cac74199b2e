"""The courier: carries webhooks to the shop, signed as the real ones are, and tries again for a while."""

import asyncio
import base64
import hashlib
import hmac
import http.client
import logging
import sqlite3
import time
from urllib.parse import parse_qsl, urlsplit

from services.sandbox.outbox import Outbox
from shared.config import Settings

BACKOFF = (0.5, 2.0, 5.0, 15.0, 60.0)
AT_ONCE = 8
TIMEOUT = 5.0
IDLE = 30.0

log = logging.getLogger(__name__)


class Courier:
    """One task; whatever the shop answers, or does not, stays in here."""

    def __init__(self, outbox: Outbox, settings: Settings) -> None:
        self._outbox, self._settings = outbox, settings
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            self._outbox.changed.clear()
            for delivery in self._outbox.take(AT_ONCE - len(self._under_way)):
                self._begin(delivery)
            await self._wait()

    def _begin(self, delivery: sqlite3.Row) -> None:
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda _: self._outbox.changed.set())

    async def _wait(self) -> None:
        """Sleep until a webhook is due or something changes; with no hand free, until one is."""
        due = self._outbox.seconds_to_next() if len(self._under_way) < AT_ONCE else None
        try:
            async with asyncio.timeout(IDLE if due is None else min(due, IDLE)):
                await self._outbox.changed.wait()
        except TimeoutError:
            pass  # the next one is due

    async def _deliver(self, delivery: sqlite3.Row) -> None:
        headers = signed(delivery, self._settings)
        try:
            status = await asyncio.to_thread(post, delivery["url"], delivery["body"], headers)
            problem = None if 200 <= status < 300 else f"answered {status}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = repr(error)
        self._settle(delivery, problem)

    def _settle(self, delivery: sqlite3.Row, problem: str | None) -> None:
        if problem is None:
            self._outbox.done(delivery)
        elif delivery["tries"] < len(BACKOFF):
            log.info("webhook to %s will be tried again: %s", delivery["url"], problem)
            self._outbox.again(delivery, after=BACKOFF[delivery["tries"]])
        else:
            log.warning("webhook to %s given up: %s", delivery["url"], problem)
            self._outbox.done(delivery)


def post(url: str, body: str, headers: dict[str, str]) -> int:
    """Post once and return the status. The standard library's client: a webhook is on every order's bill."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body.encode(), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def signed(delivery: sqlite3.Row, settings: Settings) -> dict[str, str]:
    """Return the headers; the gateway signs the time of sending too, so each try has its own."""
    if delivery["kind"] == "gateway":
        moment = int(time.time())
        secret = settings.stripe_webhook_secret.get_secret_value()
        signature = hmac.new(secret.encode(), f"{moment}.{delivery['body']}".encode(), hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={moment},v1={signature}"}
    fields = sorted(parse_qsl(delivery["body"], keep_blank_values=True))
    text = delivery["url"] + "".join(name + value for name, value in fields)
    token = settings.twilio_auth_token.get_secret_value()
    mac = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()  # the carrier's own algorithm
    signature = base64.b64encode(mac).decode()
    return {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Twilio-Signature": signature}
