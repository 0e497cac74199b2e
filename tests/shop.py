"""The shop for tests: orders placed as the API places them, and its jobs run here, one attempt after another."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.worker.gateway import Gateway, NoAnswer
from services.worker.listeners import LISTENERS
from services.worker.stripe_gateway import StripeGateway
from shared import books
from shared.config import settings
from shared.db.engine import Connection, connect, thread_connection
from shared.db.sql import cancelling, orders, placing
from shared.db.transaction import Transaction, transaction
from shared.domain.orders import OrderStatus
from shared.events.catalogue import OrderCancellationRequested, OrderPlaced, OrderShipped
from shared.events.expand import Listeners, expand
from shared.events.record import record
from shared.events.snapshots import OrderLine, OrderSnapshot
from shared.ids import new_id
from shared.jobs import reaper
from shared.jobs.claim import claim
from shared.jobs.collaborators import provide
from shared.jobs.job import JobType
from shared.jobs.runner import run
from shared.jobs.running import Claimed
from shared.jobs.testing import drain
from tests.sandbox import SandboxProcess

PRICES = {"walnut-desk": 250_000, "brass-lamp": 80_000}
#: Customers are told by other jobs, with tests of their own.
MONEY_AND_STOCK: Listeners = {
    event: [listener for listener in listeners if not getattr(listener, "__name__", "").startswith("tell_customer")]
    for event, listeners in LISTENERS.items()
}

TAKE = """
update jobs set state = 'queued', queued_at = clock_timestamp()
where state = 'scheduled' and name like %s and (available_at <= clock_timestamp() or failures + deferrals + lost > 0)
returning id
"""


class Shop:
    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.connection: Connection = connect()
        self.known = {intent["id"] for intent in sandbox.gateway_summary()}  # other tests' payments
        self.customer = new_id()
        self._one(
            "insert into users (id, email, name, password_hash) values (%s, 'layla@example.com', 'ليلى', '')",
            self.customer,
        )

    def stock(self, **pieces: int) -> None:
        """`stock(walnut_desk=2)`: so many pieces are received."""
        for name, count in pieces.items():
            slug = name.replace("_", "-")
            self._one(
                "insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand)"
                " values (%s, %s, %s, 'مكتب', %s, 'EGP', %s, %s)",
                *(new_id(), slug, slug, PRICES[slug], count, count),
            )

    def place(self, *, card: str = "pm_card_visa", **pieces: int) -> UUID:
        """Place an order: `place(walnut_desk=1)`."""
        lines = tuple(self._line(name.replace("_", "-"), count) for name, count in sorted(pieces.items()))
        order = OrderSnapshot(
            id=new_id(),
            number=self._one("select coalesce(max(number), 1000) + 1 as n from orders").n,
            user_id=self.customer,
            status=OrderStatus.PLACED,
            currency="EGP",
            payment_method=card,
            version=1,
            total=sum(line.quantity * line.unit_price for line in lines),
            placed_at=datetime.now(UTC),
            items=lines,
        )
        with transaction(self.connection) as tx:
            placing.write(tx, order)
            record(tx, OrderPlaced(order=order))
        return order.id

    def request_cancellation(self, order_id: UUID) -> None:
        with transaction(self.connection) as tx:
            order = orders.lock(tx, order_id)
            at = datetime.now(UTC)
            cancelling.request(tx, order_id, at)
            asked = order.model_copy(update={"cancel_requested_at": at, "version": order.version + 1})
            record(tx, OrderCancellationRequested(order=asked))

    def ship(self, order_id: UUID) -> None:
        with transaction(self.connection) as tx:
            shipped = orders.move(tx, orders.lock(tx, order_id), OrderStatus.SHIPPED)
            assert shipped is not None
            record(tx, OrderShipped(order=shipped))

    def writing(self) -> AbstractContextManager[Transaction]:
        return transaction(self.connection)

    # --- its jobs ------------------------------------------------------------------

    def expand(self) -> int:
        with transaction(self.connection) as tx:
            return expand(tx, MONEY_AND_STOCK)

    def claim(self, name: str = "%", connection: Connection | None = None) -> list[Claimed]:
        """Claim what is due of a job, or of all; a retry or a release need not wait for its time."""
        database = connection or self.connection
        ids = [row.id for row in database.execute(TAKE, (name,))]
        return sorted(claim(database, "the-test", ids, alone=True), key=lambda claimed: claimed.id)

    def one(self, kind: JobType | str) -> Claimed:
        """Claim the one job of that name that is due."""
        self.expand()
        (claimed,) = self.claim(kind if isinstance(kind, str) else kind.name)
        return claimed

    def attempt(self, kind: JobType | str) -> None:
        """Run one attempt of the one job of that name that is due."""
        run(self.one(kind))

    def work(self) -> None:
        """Run everything that is due and what follows from it; what is delayed stays."""
        drain(self.connection, MONEY_AND_STOCK, retry_at_once=True)

    def again(self, kind: JobType, order_id: UUID) -> None:
        """Run a job outside the ledger, as a late duplicate that nothing fences."""
        kind.now(str(order_id))

    def again_whatever_happens(self, kind: JobType, order_id: UUID) -> None:
        """The same, where it gets no answer."""
        with suppress(NoAnswer):
            self.again(kind, order_id)

    def let_time_pass(self) -> None:
        """Everything that was delayed is due."""
        self.connection.execute("update jobs set available_at = clock_timestamp() where state = 'scheduled'")

    def lose_leases(self) -> None:
        """As if every worker had died, or frozen, and its leases had run out."""
        self.connection.execute("update jobs set lease_until = clock_timestamp() where state = 'running'")
        assert reaper.reap(self.connection)

    # --- what is to be seen ------------------------------------------------------------------

    def order(self, order_id: UUID) -> Any:
        return self._one("select * from orders where id = %s", order_id)

    def status(self, order_id: UUID) -> tuple[str, str | None]:
        order = self.order(order_id)
        return order.status, order.reason

    def payment(self, order_id: UUID) -> Any:
        return self._one("select * from payments where order_id = %s", order_id)

    def product(self, slug: str = "walnut-desk") -> tuple[int, int, int]:
        row = self._one("select on_hand, reserved, sold from products where slug = %s", slug)
        return row.on_hand, row.reserved, row.sold

    def facts(self, order_id: UUID) -> list[str]:
        rows = self.connection.execute("select name from events where aggregate_id = %s order by seq", (order_id,))
        return [row.name for row in rows]

    def jobs(self) -> dict[str, str]:
        """Return the state of the last job of each name."""
        rows = self.connection.execute("select name, state from jobs order by created_at, id").fetchall()
        return {row.name: row.state for row in rows}

    def sales(self) -> tuple[int, int, int, int]:
        """Return all days' (orders, revenue, refunds, refunded)."""
        shards = self.connection.execute("select orders, revenue, refunds, refunded from daily_sales").fetchall()
        orders_, revenue, refunds, refunded = (sum(column) for column in zip((0, 0, 0, 0), *shards, strict=True))
        return orders_, revenue, refunds, refunded

    def chain_ended(self) -> str | None:
        """Return why the one chain there was ended early."""
        reason: str | None = self._one("select ended_reason from chains").ended_reason
        return reason

    def intents(self) -> list[dict[str, Any]]:
        """Return this test's intents at the gateway."""
        return [intent for intent in self.sandbox.gateway_summary() if intent["id"] not in self.known]

    def charges(self) -> list[tuple[int, int]]:
        """Return (received, refunded) of each intent that was ever charged."""
        return [(i["amount_received"], i["amount_refunded"]) for i in self.intents() if i["amount_received"]]

    def check_books(self) -> list[str]:
        return books.check(self.connection, map(books.Charged.from_summary, self.intents()), quiet_seconds=0)

    def check_books_without_gateway(self) -> list[str]:
        return books.check(self.connection, quiet_seconds=0)

    def _line(self, slug: str, pieces: int) -> OrderLine:
        row = self._one("select id, name_en, name_ar, price from products where slug = %s", slug)
        return OrderLine(
            product_id=row.id,
            slug=slug,
            name_en=row.name_en,
            name_ar=row.name_ar,
            quantity=pieces,
            unit_price=row.price,
        )

    def _one(self, statement: str, *values: object) -> Any:
        cursor = self.connection.execute(statement, values)
        return cursor.fetchone() if cursor.description else None


def use(gateway: Gateway) -> None:
    """Have jobs ask this gateway from now on."""
    provide(Gateway, lambda: gateway)  # type: ignore[type-abstract]  # it is named, not made


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Live with these settings for a while."""
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        settings.cache_clear()


@pytest.fixture
def shop(database_url: str, redis_url: str, sandbox: SandboxProcess) -> Iterator[Shop]:
    """An empty shop with one customer, ليلى, and the session's sandbox as its outside world."""
    with environment(DATABASE_URL=database_url, REDIS_URL=redis_url, **sandbox.environment):
        provide(Gateway, StripeGateway.from_settings)  # type: ignore[type-abstract]  # it is named, not made
        here = Shop(sandbox)
        yield here
        here.connection.close()
        thread_connection().close()
