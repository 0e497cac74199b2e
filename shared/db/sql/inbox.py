"""A customer's inbox in SQL: a notification is marked as read."""

from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction

READ = """
update notifications set read_at = coalesce(read_at, clock_timestamp())
where id = %(id)s and user_id = %(user)s and channel = 'database'
returning id, kind, aggregate_id, subject, body, created_at, read_at
"""


def mark_read(tx: Transaction, user_id: UUID, notification_id: UUID) -> Any:
    """Note when it was first read, and return it; None if the user has no such notification."""
    return tx.one(READ, {"user": user_id, "id": notification_id})
