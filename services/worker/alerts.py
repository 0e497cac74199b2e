"""What only people can put right: one line in the log, with `alert`, that operators are called by."""

from collections.abc import Callable
from uuid import UUID

import structlog

from shared.jobs.job import Message, job

log = structlog.get_logger()


@job(queue="orders", tries=5, backoff=(1, 5, 30), timeout=10)
def call_operators(order_id: UUID, failed: str, error: str) -> None:
    """Say that a job of an order failed for good; its money and stock stay as they are until somebody looks."""
    log.error("an order needs a person", alert="order_stuck", order=str(order_id), failed=failed, error=error)


def calls_operators(failed: str) -> Callable[[UUID, str], Message]:
    """Return the `failed=` of the job of that name, whose one argument is an order."""

    def call(order_id: UUID, error: str) -> Message:
        return call_operators.message(order_id, failed, error)

    return call
