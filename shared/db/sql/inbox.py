"""A customer's inbox in SQL: the notifications that live in the database."""

from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction

_COLUMNS = "id, kind, aggregate_id as order_id, subject, body, created_at, read_at"
_OWN = "user_id = %(user)s and channel = 'database'"

PAGE = f"""
select {_COLUMNS} from notifications
where {_OWN} and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s
"""
READ = f"""
update notifications set read_at = coalesce(read_at, clock_timestamp()) where id = %(id)s and {_OWN}
returning {_COLUMNS}
"""


def page(tx: Transaction, user_id: UUID, before: UUID | None, limit: int) -> list[Any]:
    return tx.all(PAGE, {"user": user_id, "before": before, "limit": limit})


def mark_read(tx: Transaction, user_id: UUID, notification_id: UUID) -> Any:
    """Note when it was first read, and return it; None if the user has no such notification."""
    return tx.one(READ, {"user": user_id, "id": notification_id})
