"""One message to one person by one channel: read whole, begun, then sent or not; its row is written in SQL."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from shared.broadcasting.keys import wire_notification
from shared.db.sql import notifications as sql
from shared.db.sql.orders import OrderNotFound
from shared.db.transaction import Transaction
from shared.events.catalogue import NotificationSent, NotificationStored
from shared.events.record import record
from shared.ids import new_id
from shared.jobs.running import Running
from shared.notifications.catalogue import Channel
from shared.notifications.wording import Wording


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """What is to be told, to whom, and how far it got.

    event_id: the fact it tells of, or what else there is one of for each time that it is told.
    row: what it is about, who is told, and the message's own row if there is one; see `sql.FIND`.
    """

    id: UUID
    event_id: UUID
    kind: str
    channel: Channel
    row: Any
    wording: Wording

    @property
    def begun(self) -> bool:
        """Whether an earlier attempt may have sent it."""
        return self.row.id is not None

    @property
    def over(self) -> bool:
        """Whether it was sent, or there is no way: nothing is left to do. What failed may be tried again by hand."""
        return self.begun and self.row.status in ("sent", "skipped")

    def begin(self, tx: Transaction, recipient: str, body: str, message_id: str | None = None) -> None:
        """Write its row before anyone is asked to send it; a second beginner fails here and tries again."""
        self._insert(tx, "pending", recipient=recipient, body=body, message_id=message_id)

    def skip(self, tx: Transaction, reason: str) -> None:
        """There is no way to reach this person by this channel."""
        self._insert(tx, "skipped", delivery=reason)

    def keep(self, tx: Transaction) -> None:
        """Put it into the person's inbox, and tell the page that shows it."""
        body = self.wording.message
        self._insert(tx, "sent", recipient=self.row.email, body=body)
        stored = NotificationStored(
            id=self.id,
            type=wire_notification(self.kind),
            user_id=self.row.user_id,
            kind=self.kind,
            about=self.row.aggregate_id,
            subject=self.wording.subject,
            body=body,
        )
        record(tx, stored)

    def sent(self, tx: Transaction, recipient: str, provider_id: str | None = None) -> None:
        """Say that it is out of our hands."""
        raise NotImplementedError

    def refused(self, tx: Transaction, reason: str) -> None:
        tx.execute(sql.FAILED, (reason, self.id))

    def _insert(self, tx: Transaction, status: str, **more: str | None) -> None:
        columns = {
            "id": self.id,
            "event_id": self.event_id,
            "kind": self.kind,
            "channel": self.channel,
            "user_id": self.row.user_id,
            "aggregate_id": self.row.aggregate_id,
            "recipient": "",
            "locale": self.row.locale,
            "status": status,
            "subject": self.wording.subject,
            "body": "",
            "message_id": None,
            "delivery": None,
        }
        tx.execute(sql.INSERT, columns | more)


class CustomerMessage(StoredMessage):
    """A message about a customer's order; that it was sent is a fact."""

    @classmethod
    def find(cls, job: Running, tx: Transaction, order_id: UUID, kind: str, channel: Channel) -> Self:
        """Read it; the same event, kind, channel and customer are always the same message.

        A job that was run by hand follows from no event: then an order is told of a kind once.
        """
        event_id = job.event_id or order_id
        key = {"event_id": event_id, "order_id": order_id, "kind": kind, "channel": channel}
        # The inbox is written in this transaction, with the fact: only there the order is locked at once.
        row = tx.one(sql.FIND_LOCKING_ORDER if channel == "database" else sql.FIND, key)
        if row is None:
            raise OrderNotFound(str(order_id))
        return cls(row.id or new_id(), event_id, kind, channel, row, Wording(kind, row))

    def keep(self, tx: Transaction) -> None:
        """Put it into the customer's inbox; the order is locked."""
        super().keep(tx)
        self._record(tx, self.row.email)

    def sent(self, tx: Transaction, recipient: str, provider_id: str | None = None) -> None:
        """Say that it is out of our hands, and tell those who listen."""
        tx.execute(sql.SENT, {"id": self.id, "order_id": self.row.aggregate_id, "provider_id": provider_id})
        self._record(tx, recipient)

    def _record(self, tx: Transaction, recipient: str) -> None:
        fact = NotificationSent(
            notification_id=self.id,
            order_id=self.row.aggregate_id,
            user_id=self.row.user_id,
            order_version=self.row.version,  # the version it tells of
            kind=self.kind,
            channel=self.channel,
            recipient=recipient,
            subject=self.wording.subject,
        )
        record(tx, fact)
