"""An alert as each operator is told of it: that it opened, and that it is over."""

from functools import cached_property
from typing import Any, Self
from uuid import UUID

from shared.db.sql import alerts as sql
from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.notifications.catalogue import Channel
from shared.notifications.message import StoredMessage
from shared.notifications.wording import Wording


class AlertWording(Wording):
    """The words of an alert; `order` is the row of `sql.FIND`."""

    layout = "notice"

    @cached_property
    def _given(self) -> dict[str, Any]:
        return {"alert": self.order, "locale": self.order.locale, "name": self.order.name}


class Notice(StoredMessage):
    """One alert, one operator, one channel, and one of the two things there are to say of it."""

    @classmethod
    def find(cls, tx: Transaction, alert_id: UUID, operator: UUID, kind: str, channel: Channel) -> Self:
        row = tx.one(sql.FIND, {"alert": alert_id, "user": operator, "kind": kind, "channel": channel})
        if row is None:
            raise LookupError(f"there is no alert {alert_id}, or no operator {operator}")
        return cls(row.id or new_id(), alert_id, kind, channel, row, AlertWording(kind, row))

    def sent(self, tx: Transaction, recipient: str, provider_id: str | None = None) -> None:  # noqa: ARG002 - nobody else listens
        tx.execute(sql.SENT, (self.id,))
