"""What only people can put right: a line in the log, with `alert`, and an alert that operators are told of."""

from collections.abc import Callable
from uuid import UUID

import structlog

from services.worker.alerting import open_one
from shared.db.sql.alerts import Seen
from shared.db.transaction import Transaction
from shared.jobs.job import Message, job

log = structlog.get_logger()

#: The jobs whose failing for good is for people; a rule looks whether any of them is still failed.
CALLING: set[str] = set()


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10)
def call_operators(tx: Transaction, order_id: UUID, failed: str, error: str) -> None:
    """Say that a job of an order failed for good; its money and stock stay as they are until somebody looks."""
    log.error("an order needs a person", alert="order_stuck", order=str(order_id), failed=failed, error=error)
    open_one(tx, Seen("order_stuck", failed, f"order {order_id}: {error}"))


def calls_operators(failed: str) -> Callable[[UUID, str], Message]:
    """Return the `failed=` of the job of that name, whose one argument is an order."""
    CALLING.add(failed)

    def call(order_id: UUID, error: str) -> Message:
        return call_operators.message(order_id, failed, error)

    return call
