"""A small shop whose customers are told of their orders, for tests of mail, SMS and inbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg

from shared.config import SANDBOX_TWILIO_SID, SANDBOX_TWILIO_TOKEN
from shared.db.engine import Connection, arguments
from shared.ids import new_id
from shared.jobs.collaborators import collaborator, provide
from shared.jobs.job import JobType
from shared.jobs.running import Inline, call
from shared.notifications.mail import Mailer
from shared.notifications.sms import Carrier
from tests.sandbox import SandboxProcess

SHOP = "Taboor <shop@taboor.example>"
LAYLA, OMAR = "+201001234567", "+201111234567"


class Shop:
    """A database with two customers, and its jobs' way to the sandbox."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.desk = new_id()
        connection.execute(
            "insert into products (id, slug, name_en, name_ar, price, currency)"
            " values (%s, 'walnut-desk', 'Walnut desk', 'مكتب خشب جوز', 250000, 'EGP')",
            (self.desk,),
        )

    def customer(self, name: str, locale: str, phone: str | None) -> UUID:
        user, email = new_id(), "layla@example.com" if locale == "ar" else "omar@example.com"
        self.connection.execute(
            "insert into users (id, email, name, phone, locale, password_hash) values (%s, %s, %s, %s, %s, '')",
            (user, email, name, phone, locale),
        )
        return user

    def order(self, user: UUID, number: int = 1042) -> UUID:
        order = new_id()
        self.connection.execute(
            "insert into orders (id, number, user_id, status, total, currency, payment_method, version)"
            " overriding system value values (%s, %s, %s, 'confirmed', 500000, 'EGP', 'pm_card_visa', 3)",
            (order, number, user),
        )
        self.connection.execute(
            "insert into order_items (order_id, product_id, quantity, unit_price, slug, name_en, name_ar)"
            " select %s, id, 2, price, slug, name_en, name_ar from products where id = %s",
            (order, self.desk),
        )
        return order

    def run(self, kind: JobType, *args: Any, event: UUID | None = None) -> None:
        """Run one attempt of a job that follows from that event."""
        stored = [None if value is None else str(value) for value in args]
        attempt = Inline(kind.name, stored, self.connection)
        attempt.claimed = replace(attempt.claimed, event_id=event)
        call(kind, attempt, stored)

    def messages(self) -> list[Any]:
        return self.connection.execute("select * from notifications order by id").fetchall()

    def facts(self) -> list[dict[str, Any]]:
        rows = self.connection.execute("select payload from events where name = 'NotificationSent' order by seq")
        return [row.payload for row in rows]


@contextmanager
def open_shop(database_url: str, sandbox: SandboxProcess) -> Iterator[Shop]:
    """Open it on an empty database, with the sandbox as the outside world."""
    mailer = Mailer(f"smtp://127.0.0.1:{sandbox.smtp_port}", SHOP)
    provide(Mailer, lambda: mailer)
    provide(Carrier, lambda: carrier_at(sandbox.url))
    with psycopg.connect(database_url, **arguments()) as connection:
        yield Shop(connection)
    mailer.close()
    collaborator(Carrier).close()


def carrier_at(base: str, report_to: str = "http://127.0.0.1:9/webhooks/twilio/status") -> Carrier:
    return Carrier(
        base=base,
        account=SANDBOX_TWILIO_SID,
        token=SANDBOX_TWILIO_TOKEN,
        sender="+15005550006",
        report_to=report_to,
    )
