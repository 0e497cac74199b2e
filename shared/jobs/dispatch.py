"""Put jobs into the ledger, in the caller's transaction."""

import json
from collections.abc import Iterable
from typing import Any

from shared.db.transaction import Transaction
from shared.jobs import sql


def insert(tx: Transaction, rows: Iterable[dict[str, Any]]) -> int:
    """Insert the rows (see `job.row`) in one statement; return how many: an open unique job refuses its double."""
    listed = list(rows)
    if not listed:
        return 0
    tx.wakes = True
    parameters = {
        "rows": json.dumps(listed),
        "event": tx.cause.event_id,
        "job": tx.cause.job_id,
        "aggregate": tx.cause.aggregate_id,
        "trace": tx.cause.traceparent,
    }
    if any(row["unique_key"] for row in listed):
        return len(tx.all(sql.INSERT_AND_TELL, parameters))
    tx.execute(sql.INSERT, parameters)  # nothing can be refused: no need to wait for the answer
    return len(listed)
