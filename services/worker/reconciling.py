"""Ask the gateway again about payments that nobody asks about any more."""

import structlog

from services.worker.payments import settle_from_gateway
from shared.config import settings
from shared.db.transaction import Transaction
from shared.jobs.job import dispatch_all, job

log = structlog.get_logger()

# Pending for long, known to the gateway, and no job of the order is on its way to settle it; its expiry is none.
FORGOTTEN = """
select id, order_id from payments p
where status = 'pending' and intent_id is not null
  and updated_at < statement_timestamp() - make_interval(secs => %(patience)s)
  and not exists (select 1 from jobs where aggregate_id = p.order_id and name <> 'expire_order'
                  and state in ('blocked', 'scheduled', 'queued', 'running'))
order by updated_at limit 500
"""


@job(queue="orders", tries=3, backoff=(30,), timeout=30, unique=lambda: "once")
def reconcile_payments(tx: Transaction) -> None:
    """Settle what is pending for long though no job is at it: by what the gateway says now."""
    forgotten = tx.all(FORGOTTEN, {"patience": settings().alert_stalled_seconds})
    if forgotten:
        log.warning("asking the gateway about forgotten payments", payments=[str(row.id) for row in forgotten])
    dispatch_all(tx, [settle_from_gateway.message(row.id).about(row.order_id) for row in forgotten])
