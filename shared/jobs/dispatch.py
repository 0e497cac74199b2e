"""Put jobs into the ledger, in the caller's transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from shared.db.transaction import Transaction
from shared.jobs import batch_sql, sql


class Dispatchable(Protocol):
    """A message, a chain or a batch: what it is in the ledger."""

    def rows(self) -> Iterable[dict[str, Any]]:
        """Return its jobs, see `job.row`."""

    def chains(self) -> Iterable[dict[str, Any]]:
        """Return the chains it is or has."""

    def batches(self) -> Iterable[dict[str, Any]]:
        """Return the batches it is or has."""


#: A test's record of what is dispatched (shared/jobs/testing): returns what is to be written all the same, and how many
#: jobs it has kept for itself.
Record = Callable[[Sequence[Dispatchable]], tuple[Sequence[Dispatchable], int]]
RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


def unrecorded(wanted: Sequence[Dispatchable]) -> tuple[Sequence[Dispatchable], int]:
    """Return what is to be written, which is all unless a test records, and how many jobs were recorded instead."""
    record = RECORD.get()
    return (wanted, 0) if record is None else record(wanted)


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


def insert_all(tx: Transaction, wanted: Sequence[Dispatchable]) -> int:
    """Insert messages, chains and batches together; return how many jobs they are."""
    wanted, recorded = unrecorded(wanted)
    rows = [row for each in wanted for row in each.rows()]  # before anything is written: some are refused
    insert_groups(tx, [c for each in wanted for c in each.chains()], [b for each in wanted for b in each.batches()])
    return recorded + insert(tx, rows)


def insert_groups(tx: Transaction, chains: Sequence[dict[str, Any]], batches: Sequence[dict[str, Any]]) -> None:
    """Insert chains and batches; their jobs come after them."""
    if chains:
        tx.execute(sql.INSERT_CHAINS, (json.dumps(chains),))
    if batches:
        tx.execute(batch_sql.INSERT, (json.dumps(batches),))
