"""The API as a real process for tests, and the customers who call it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import namedtuple_row

from services.api import tokens
from shared.config import ROOT
from shared.ids import new_id
from tests.ports import free_port
from tests.waiting import wait_until

STARTS_WITHIN = 30.0


class Customer:
    """Somebody who is signed in; `get` and `post` speak for them."""

    def __init__(self, api: "ApiProcess", user_id: UUID, role: str) -> None:
        self.id, self.session_id = user_id, new_id()
        api.sql(
            "insert into sessions (id, user_id, expires_at) values (%s, %s, clock_timestamp() + interval '1 hour')",
            self.session_id,
            user_id,
        )
        self.token = tokens.issue(user_id, self.session_id, role)
        self.http = api.client(self.token)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.http.post(path, **options)

    def place(self, items: Any, key: str | None = None, **more: Any) -> httpx.Response:
        order = {"items": items, "payment_method": "pm_card_visa", **more}
        return self.http.post("/orders", json=order, headers={"Idempotency-Key": key or new_id().hex})


class ApiProcess:
    """`with ApiProcess(folder, database_url, redis_url) as api:`; its log is in `folder`."""

    def __init__(
        self, folder: Path, database_url: str, redis_url: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = database_url
        self.files = folder / "files"
        self.log = folder / f"api-{self.port}.log"
        self._environment = {
            **os.environ,
            "API_PORT": str(self.port),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PUBLIC_URL": self.url,
            "FILES": str(self.files),
            **(environment or {}),
        }
        self._clients: list[httpx.Client] = []
        self.http = self.client()

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20)
        self._clients.append(client)
        return client

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement in the API's database and return its rows, if it has any."""
        with psycopg.connect(self.database_url, autocommit=True, row_factory=namedtuple_row) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def customer(self, name: str = "ليلى", role: str = "customer") -> Customer:
        """Return a new customer (or operator) who is signed in."""
        user = new_id()
        self.sql(
            "insert into users (id, email, name, role, locale, password_hash) values (%s, %s, %s, %s, 'ar', '')",
            *(user, f"{user.hex}@example.com", name, role),
        )
        return Customer(self, user, role)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        self._stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """As `kill -9`; `restart` brings it back."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Let it connect to everything anew."""
        self._stop()
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "services.api"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._alive, STARTS_WITHIN)

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _alive(self) -> bool:
        assert self._process.poll() is None, f"the API ended:\n{self.log.read_text()[-4000:]}"
        try:
            return self.http.get("/livez").is_success
        except httpx.TransportError:
            return False


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that this is a problem as RFC 9457 has it, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert told["code"] == code, told
    assert {"type", "title", "detail"} <= told.keys()
    return told
