"""The whole shop as real processes for the proofs: api, two relays, two worker units, the sandbox."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.rows import namedtuple_row
from redis import Redis

from services.api import tokens
from shared.config import settings
from shared.db.seed import PASSWORD, seed
from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from shared.ids import new_id
from tests.audited import Audited
from tests.ports import free_port
from tests.sandbox import SandboxProcess
from tests.supervised import Supervised, Supervisor
from tests.waiting import wait_until

LEASE = 2.0
QUEUES = "orders,notifications,default,media,processing"
#: What is still to be done; an order's expiry waits for its time.
OPEN = "state in ('blocked', 'scheduled', 'queued', 'running') and name <> 'expire_order'"
UNDER_WAY = f"""
select (select count(*) from jobs where {OPEN}) + (select count(*) from events where position is null) as things
"""
LOCKED = "select 1 from orders where id = %s for update"
WAITS_FOR_A_LOCK = """
select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and state = 'active'
"""
NEW_CUSTOMERS = """
with new as (
    insert into users (id, email, name, phone, locale, password_hash)
    select u.id, concat(u.id, '@example.com'), u.name, u.phone, case u.n %% 2 when 0 then 'ar' else 'en' end, ''
    from unnest(%s::uuid[], %s::text[], %s::text[], %s::int[]) as u(id, name, phone, n) returning id
)
insert into sessions (id, user_id, expires_at)
select id, id, clock_timestamp() + interval '1 hour' from new
"""
NAMES = ("ليلى", "Omar", "نور", "Salma", "يوسف")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who is signed in."""

    id: UUID
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class House(Audited):
    """`with House(environment, folder, postgres, redis) as house:`; settings as keywords: `lease_seconds=2`.

    relays: settings of the relays alone.
    """

    def __init__(
        self,
        environment: pytest.MonkeyPatch,
        folder: Path,
        postgres: PostgresServer,
        redis: RedisServer,
        relays: Mapping[str, str] | None = None,
        **configured: object,
    ) -> None:
        self.postgres, self.redis = postgres, redis
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox = SandboxProcess(folder, public_url=self.url, port=free_port(), smtp_port=free_port())
        known = {
            "api_port": self.port,
            "public_url": self.url,
            "files": folder / "files",
            "lease_seconds": LEASE,
            "demo_ships_after_seconds": 0.3,
        }
        for name, value in {**known, **self.sandbox.environment, **configured}.items():
            environment.setenv(name.upper(), str(value))
        settings.cache_clear()
        self.api = self._process(folder, "api", "services.api")
        self.relays = [self._process(folder, f"relay-{n}", "services.worker", "relay", **relays or {}) for n in (1, 2)]
        worker = ("services.worker", "run", "--queues", QUEUES, "--threads", "4", "--unit")
        self.units = [self._process(folder, name, *worker, name) for name in ("fast-1", "fast-2")]
        self.supervisor = Supervisor(self.processes)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=20, limits=limits)
        self._connection: psycopg.Connection[Any] | None = None
        self._phones = 0

    @staticmethod
    def _process(folder: Path, name: str, *arguments: str, **own: str) -> Supervised:
        environment = {**os.environ, **{variable.upper(): value for variable, value in own.items()}}
        return Supervised(name, arguments, environment, folder / f"{name}.log")

    @property
    def processes(self) -> list[Supervised]:
        return [self.api, *self.relays, *self.units]

    def __enter__(self) -> Self:
        seed(settings().database_url)
        try:
            self.sandbox.start()
            for process in self.processes:
                process.up()
            self.supervisor.start()
            self.wait_for_api()
            self.wait_for_units()
        except BaseException:
            self.__exit__(None, None, None)  # what did start must not trouble the tests that follow
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop()
        for process in self.processes:
            process.down()
            print(f"--- {process.name}\n{process.said()[-4000:]}")  # noqa: T201 - pytest shows it of a failure
        self.sandbox.__exit__(kind, error, trace)
        self.http.close()
        if self._connection is not None:
            self._connection.close()

    def wait_for_api(self, timeout: float = 90) -> None:
        wait_until(self._api_answers, timeout)

    def wait_for_units(self, timeout: float = 90) -> None:
        """Wait until each unit that is wanted lives and has announced itself."""
        wait_until(self._units_announced, timeout)

    def _units_announced(self) -> bool:
        wanted = [unit for unit in self.units if unit.wanted]
        announced = {row.pid for row in self.sql("select pid from workers")}
        return all(unit.alive() and unit.pid in announced for unit in wanted)

    def _api_answers(self) -> bool:
        try:
            return self.http.get("/livez").is_success
        except httpx.TransportError:
            return False

    # --- its database ---

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement; from one thread only."""
        cursor = self.database().execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def database(self) -> psycopg.Connection[Any]:
        """Return the test's own connection, opened again if it broke."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connect(autocommit=True)
        return self._connection

    @contextmanager
    def holding(self, statement: str, *parameters: Any) -> Iterator[None]:
        """Hold a lock meanwhile: `with house.holding("select 1 from orders where id = %s for update", order_id):`."""
        with self._connect(autocommit=False) as connection:
            connection.execute(statement, parameters)
            yield
            connection.rollback()

    @staticmethod
    def _connect(*, autocommit: bool) -> psycopg.Connection[Any]:
        """Connect without the product's limits: a test may hold a lock for longer."""
        url = settings().database_url
        return psycopg.connect(url, autocommit=autocommit, connect_timeout=5, row_factory=namedtuple_row)

    def pause(self, queue: str = "orders") -> None:
        self.sql("insert into paused_queues (queue, paused_by) values (%s, 'the proof')", queue)

    def resume(self, queue: str = "orders") -> None:
        self.sql("delete from paused_queues where queue = %s", queue)

    def wait_for_lock(self) -> None:
        """Wait until somebody waits for what the test holds."""
        wait_until(lambda: self.sql(WAITS_FOR_A_LOCK))

    def unit_of(self, order_id: UUID, job: str) -> Supervised:
        """Wait until that job of the order runs; return the unit that runs it."""
        running = "select worker from jobs where aggregate_id = %s and name = %s and state = 'running'"
        return wait_until(lambda: self._alive_among(self.sql(running, order_id, job)))[0]

    def unit_at(self, job: str) -> Supervised:
        """Wait until a job of that name runs; return the unit that runs it. One that was lost often is left alone."""
        running = "select worker from jobs where name = %s and state = 'running' and lost < 3"
        return wait_until(lambda: self._alive_among(self.sql(running, job)), 60)[0]

    def _alive_among(self, rows: list[Any]) -> list[Supervised]:
        """Return the living units that these rows name; a dead one's rows stay until its leases run out."""
        workers = [row.worker for row in rows]
        return [unit for unit in self.units if unit.alive() and any(f"/{unit.pid}-" in name for name in workers)]

    def flush(self) -> None:
        """As `FLUSHALL`."""
        with Redis.from_url(self.redis.url) as client:
            client.flushall()

    # --- its customers ---

    def sign_in(self, email: str = "layla@example.com") -> Customer:
        answer = self.http.post("/sessions", json={"email": email, "password": PASSWORD}).raise_for_status().json()
        return Customer(UUID(answer["user"]["id"]), answer["access_token"])

    def customers(self, number: int) -> list[Customer]:
        """Return so many new customers with a phone each, signed in without hashing so many passwords."""
        ids = [new_id() for _ in range(number)]
        places = [self._phones + n for n in range(number)]
        self._phones += number
        phones = [f"+2010{place:08}" for place in places]
        self.sql(NEW_CUSTOMERS, ids, [NAMES[place % len(NAMES)] for place in places], phones, places)
        return [Customer(customer, tokens.issue(customer, customer, "customer")) for customer in ids]

    def stock(self, slug: str, pieces: int) -> None:
        """So many pieces are on hand."""
        self.sql("update products set received = sold + %s, on_hand = %s where slug = %s", pieces, pieces, slug)

    def plenty(self) -> None:
        """Whatever is ordered is there."""
        for slug in self.products():
            self.stock(slug, 1_000_000)

    def products(self) -> dict[str, UUID]:
        return {row.slug: row.id for row in self.sql("select slug, id from products")}

    def place(
        self, customer: Customer, product: UUID, *, key: str | None = None, card: str = "pm_card_visa"
    ) -> httpx.Response:
        """Send one order for one piece."""
        order = {"items": [{"product_id": str(product), "quantity": 1}], "payment_method": card}
        return self.http.post(
            "/orders", json=order, headers={**customer.headers, "Idempotency-Key": key or new_id().hex}
        )

    def order(self, customer: Customer, product: UUID, *, card: str = "pm_card_visa") -> UUID:
        """Place an order and return its id."""
        answer = self.place(customer, product, card=card)
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["id"])

    def insist(self, customer: Customer, product: UUID, timeout: float = 60) -> UUID:
        """Send the same order with the same key until it is acknowledged, as a client does whose line breaks."""
        key, deadline = new_id().hex, time.monotonic() + timeout
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                answer = self.place(customer, product, key=key)
                if answer.status_code == 202:
                    return UUID(answer.json()["id"])
                assert answer.status_code in (409, 500, 503), answer.text
            time.sleep(0.05)
        raise AssertionError(f"not acknowledged within {timeout} s")

    def cancel(self, customer: Customer, order_id: UUID) -> httpx.Response:
        return self.http.post(f"/orders/{order_id}/cancellation", headers=customer.headers)

    # --- what became of it all ---

    def status(self, order_id: UUID) -> str:
        return str(self.one("select status from orders where id = %s", order_id))

    def wait_for_status(self, order_id: UUID, *statuses: str, timeout: float = 40) -> str:
        return wait_until(lambda: now if (now := self.status(order_id)) in statuses else "", timeout)

    def is_off(self, switch: str) -> bool:
        """Say whether a switch of the sandbox is off, or used up."""
        return not httpx.get(f"{self.sandbox.url}/switches", trust_env=False).raise_for_status().json()[switch]

    def wait_until_quiet(self, timeout: float = 60) -> float:
        """Wait until nothing is left to be done; return the seconds it took."""
        began = time.monotonic()
        wait_until(self._is_quiet, timeout)
        return time.monotonic() - began

    def _is_quiet(self) -> bool:
        with suppress(psycopg.OperationalError):  # a test has killed PostgreSQL; the next look connects again
            return not (self.one(UNDER_WAY) or self.sandbox.webhooks_under_way() or self.one(UNDER_WAY))
        return False


#: Open a house with settings of one's own: `open_house(hand_over_at_least=100_000)`.
Open = Callable[..., House]
