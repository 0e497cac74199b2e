"""What is left when all is quiet: every order ended, nothing was done twice, and the books balance."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared import books
from tests.sandbox import SandboxProcess

#: Say what a proof saw: `tell(orders=200, seconds=3.2)`.
Tell = Callable[..., None]

OVER = ("shipped", "rejected", "cancelled", "expired")
TWICE = """
select concat(name, ' of ', aggregate_id, ': ', count(*), ' times') as what from events
where name not in ('GatewayReported', 'CarrierReported', 'NotificationSent')
group by name, aggregate_id having count(*) > 1
union all
select concat(kind, ' by ', channel, ' of ', aggregate_id, ': ', count(*), ' rows') from notifications
group by kind, channel, aggregate_id having count(*) > 1
"""


class Audited(ABC):
    """A house whose accounts can be asked for."""

    sandbox: SandboxProcess

    @abstractmethod
    def database(self) -> psycopg.Connection[Any]: ...

    @abstractmethod
    def sql(self, statement: str, *parameters: Any) -> list[Any]: ...

    def one(self, statement: str, *parameters: Any) -> Any:
        """Return the one value of the one row."""
        ((value,),) = self.sql(statement, *parameters)
        return value

    def charged(self, order_id: UUID | None = None) -> int:
        """Return how often a card was charged, for one order or for all."""
        intents = self.sandbox.gateway_summary()
        its = [i for i in intents if order_id is None or i["metadata"].get("order_id") == str(order_id)]
        return sum(1 for intent in its if intent["amount_received"])

    def statuses(self, orders: Sequence[UUID]) -> Counter[str]:
        """Return how many of the orders ended how: `rejected: out_of_stock`."""
        rows = self.sql("select id, status, reason from orders where id = any(%s)", list(orders))
        assert len(rows) == len(set(orders)), f"{len(set(orders)) - len(rows)} acknowledged orders are not there"
        return Counter(f"{row.status}: {row.reason}" if row.reason else row.status for row in rows)

    def books(self) -> list[str]:
        charged = [books.Charged.from_summary(row) for row in self.sandbox.gateway_summary()]
        return books.check(self.database(), charged, quiet_seconds=0)

    def check(self, orders: Sequence[UUID]) -> dict[str, Any]:
        """With all quiet: every one of these orders ended, once, and the books balance. Return figures."""
        statuses = self.statuses(orders)
        still_open = {status: n for status, n in statuses.items() if status.split(":")[0] not in OVER}
        assert not still_open, still_open
        faults = self.books()
        assert not faults, faults
        twice = [row.what for row in self.sql(TWICE)]
        assert not twice, twice
        failed = self.sql("select name, error from jobs where state = 'failed'")
        assert not failed, failed
        return {**statuses, **self._mail()}

    def _mail(self) -> dict[str, Any]:
        """Everybody was told everything, and nobody what is not so; copies by the same Message-ID are counted."""
        mails = self.sandbox.mailbox(channel="mail")
        ids = Counter(mail["message_id"] for mail in mails)
        rows = self.sql("select channel, status, message_id, recipient, body from notifications")
        assert {row.status for row in rows} <= {"sent", "skipped"}, Counter(row.status for row in rows)
        wanted = {row.message_id for row in rows if row.message_id}
        assert ids.keys() == wanted, ids.keys() ^ wanted
        texts = self.sandbox.mailbox(channel="sms")
        got = Counter((text["to"], text["text"]) for text in texts)
        wanted = {(row.recipient, row.body) for row in rows if (row.channel, row.status) == ("sms", "sent")}
        assert got.keys() == wanted, got.keys() ^ wanted
        return {
            "mails": len(mails),
            "of them copies": len(mails) - len(ids),
            "texts": len(texts),
            "copies of texts": len(texts) - len(got),
            "leases lost": self.one("select count(*) from job_attempts where outcome = 'lost'"),
        }


def summary(figures: dict[str, Any]) -> str:
    """Return the figures as one line."""
    return ", ".join(
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()
    )
