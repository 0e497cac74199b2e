"""A customer's wish to cancel, in SQL: kept on the order once; a job carries it out."""

from datetime import datetime
from uuid import UUID

from shared.db.transaction import Transaction

REQUEST = """
update orders set cancel_requested_at = %s, version = version + 1, updated_at = clock_timestamp() where id = %s
"""


def request(tx: Transaction, order_id: UUID, at: datetime) -> None:
    """Write the wish on a locked order."""
    tx.execute(REQUEST, (at, order_id))
