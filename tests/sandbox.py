"""The sandbox as a real process for tests: started, killed, its switches turned, mail sent to it, its mailbox read."""

import os
import signal
import smtplib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest
import stripe
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as TwilioClient

from shared.config import ROOT, SANDBOX_STRIPE_KEY, SANDBOX_TWILIO_SID, SANDBOX_TWILIO_TOKEN
from tests.ports import free_port
from tests.waiting import wait_until

STARTS_WITHIN = 20.0
LEASE_OF_A_WEBHOOK = 15.0  # services/sandbox/outbox.py


class SandboxProcess:
    """`with SandboxProcess(folder) as sandbox:`; its ports and its memory (in `folder`) outlive a kill.

    `public_url` is the shop that webhooks go to; `environment` adds to or replaces this process's own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        public_url: str = "http://127.0.0.1:9",
        port: int | None = None,
        smtp_port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port, self.smtp_port = port or free_port(), smtp_port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "sandbox.log"
        self._environment = {
            **os.environ,
            "SANDBOX_PORT": str(self.port),
            "SANDBOX_SMTP_PORT": str(self.smtp_port),
            "SANDBOX_DATABASE": str(folder / "sandbox.sqlite3"),
            "PUBLIC_URL": public_url,
            **(environment or {}),
        }
        self._http = httpx.Client(base_url=self.url, trust_env=False, timeout=10)
        self._process: subprocess.Popen[bytes] | None = None
        self._gateways: list[stripe.RequestsClient] = []
        self._carriers: list[TwilioHttpClient] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._http.close()
        for gateway in self._gateways:
            gateway.close()  # type: ignore[no-untyped-call]  # the client leaves it untyped
        for carrier in self._carriers:
            if carrier.session:
                carrier.session.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What a shop's process needs to find this sandbox."""
        return {
            "STRIPE_API_BASE": self.url,
            "TWILIO_API_BASE": self.url,
            "SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "services.sandbox"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        wait_until(self._answers, STARTS_WITHIN)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As `kill -9`: nothing is said goodbye to."""
        self._end(signal.SIGKILL)

    def set(self, **switches: bool | int) -> None:
        self._http.put("/switches", json=switches).raise_for_status()

    def mailbox(self, *, to: str | None = None, channel: str | None = None) -> list[dict[str, Any]]:
        """Return what arrived, newest first."""
        asked = {"to": to, "channel": channel, "limit": 100_000}
        return self._list("/mailbox", {name: value for name, value in asked.items() if value is not None})

    def mailbox_counts(self) -> dict[str, dict[str, int]]:
        """Return {"mail": {"messages", "copies"}, "sms": {…}}; copies are those that somebody got twice."""
        counts: dict[str, dict[str, int]] = self._http.get("/mailbox/counts").raise_for_status().json()
        return counts

    def gateway_summary(self) -> list[dict[str, Any]]:
        return self._list("/gateway/summary", {})

    def forget_keys(self) -> None:
        self._http.post("/gateway/keys/forget").raise_for_status()

    def send_webhooks_to(self, url: str | None) -> None:
        self._http.put("/gateway/webhook", json={"url": url}).raise_for_status()

    def webhooks_under_way(self) -> int:
        """Return how many it sends, or soon will, also while it is down; one refused often comes much later."""
        memory = f"file:{self._environment['SANDBOX_DATABASE']}?mode=ro"
        with closing(sqlite3.connect(memory, uri=True)) as connection:
            soon = time.time() + LEASE_OF_A_WEBHOOK + 5  # one under way is put off for so long
            return int(connection.execute("select count(*) from deliveries where due < ?", (soon,)).fetchone()[0])

    def reset(self) -> None:
        """Switches off, keys forgotten, mailbox empty, webhooks to the shop; what was paid stays paid."""
        self._http.delete("/switches").raise_for_status()
        self._http.delete("/mailbox").raise_for_status()
        self.forget_keys()
        self.send_webhooks_to(None)

    def gateway(self, *, api_key: str = SANDBOX_STRIPE_KEY, timeout: float = 5) -> stripe.StripeClient:
        """Return the official client, pointed here, without its own retries."""
        http = stripe.RequestsClient(timeout=timeout)
        self._gateways.append(http)
        addresses: Any = {"api": self.url}  # the client fills in the others
        return stripe.StripeClient(api_key, base_addresses=addresses, max_network_retries=0, http_client=http)

    def carrier(self, *, token: str = SANDBOX_TWILIO_TOKEN, timeout: float = 5) -> TwilioClient:
        """Return the official client, pointed here."""
        http = TwilioHttpClient(timeout=timeout)
        self._carriers.append(http)
        client = TwilioClient(SANDBOX_TWILIO_SID, token, http_client=http)
        client.api.base_url = self.url
        return client

    def _list(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._http.get(path, params=query).raise_for_status().json()
        return rows

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the sandbox ended: {self._log.read_text()}")
        try:
            return self._http.get("/livez").is_success
        except httpx.TransportError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=10)
            self._process = None


def send_mail(sandbox: SandboxProcess, *, to: str, message_id: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Taboor <shop@taboor.example>", to, "طلبك رقم #1042 اتأكد"
    mail["Message-ID"] = message_id
    mail.set_content("أهلا ليلى")
    mail.add_alternative("<p>أهلا <b>ليلى</b><script>alert(1)</script></p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        server.send_message(mail)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """The session's sandbox with everything switched off and an empty mailbox (payments of other tests remain)."""
    sandbox_process.reset()
    return sandbox_process
