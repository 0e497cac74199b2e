"""The day's sales. One statement a job: the row that everybody wants is locked last, and only for the commit."""

from uuid import UUID

from shared.db.sql import analytics
from shared.db.transaction import Transaction
from shared.jobs.job import job


@job(queue="default", tries=5, backoff=(1, 5, 30), timeout=10)
def update_analytics(tx: Transaction, order_id: UUID) -> None:
    analytics.add_order(tx, order_id)


@job(queue="default", tries=5, backoff=(1, 5, 30), timeout=10)
def subtract_refund(tx: Transaction, order_id: UUID) -> None:
    analytics.subtract_refund(tx, order_id)
