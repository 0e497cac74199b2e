"""Record a fact in the transaction that makes it true."""

from uuid import UUID

from shared.db.transaction import Transaction
from shared.events.event import Event
from shared.ids import new_id

RECORD = """
insert into events (id, name, version, aggregate, aggregate_id, aggregate_version, payload,
                    job_id, parent_event_id, traceparent)
values (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s)
"""


def record(tx: Transaction, event: Event) -> UUID:
    """Insert `event`; what follows from it is the relay's business, and the listener table's.

    The caller holds the lock of the aggregate's row, so that its facts are numbered in the order they happened.
    """
    event_id = new_id()
    cause = tx.cause
    tx.execute(
        RECORD,
        (
            event_id,
            type(event).__name__,
            event.version,
            event.aggregate,
            event.aggregate_id,
            event.aggregate_version,
            event.model_dump_json(),
            cause.job_id,
            cause.event_id,
            cause.traceparent,
        ),
    )
    tx.wakes = True
    return event_id
