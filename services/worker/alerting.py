"""What every alert goes through: opened once, resolved once, and told to each operator by each channel."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import structlog

from services.worker.notifications import begin_letter, mark_unsent, send_letter
from shared.config import settings
from shared.db.sql import alerts
from shared.db.sql.alerts import Seen
from shared.db.transaction import Transaction
from shared.jobs.job import Message, dispatch_all, job
from shared.jobs.running import Running
from shared.notifications.mail import Mailer
from shared.notifications.notice import Notice

log = structlog.get_logger()

BACKOFF = (1, 5, 30, 120, 600)
FIRST = -1  # priority: what watches a crowded queue must not wait in it


def judge(tx: Transaction, rules: Iterable[str], seen: Sequence[Seen]) -> None:
    """Open what these rules have seen, if it is not open; resolve what they have not seen for a while."""
    opened, known = alerts.open_all(tx, seen)
    resolved = alerts.resolve_others(tx, rules, known, settings().alert_quiet_seconds)
    for row in opened:
        log.error("an alert opened", alert=row.rule, subject=row.subject, detail=row.detail)
    for row in resolved:
        log.info("an alert is over", rule=row.rule, subject=row.subject)
    _tell(tx, "alert_opened", opened)
    _tell(tx, "alert_resolved", resolved)


def open_one(tx: Transaction, seen: Seen) -> None:
    """Open one alert now, without waiting for its rule's turn; the caller has said so in the log."""
    opened, _ = alerts.open_all(tx, [seen])
    _tell(tx, "alert_opened", opened)


def _tell(tx: Transaction, kind: str, rows: Sequence[Any]) -> None:
    """Dispatch a message for each alert, operator and channel."""
    for operator in alerts.operators(tx) if rows else ():
        for row in rows:
            mail = mail_operator.message(row.id, operator, kind, priority=FIRST)
            note = tell_operator.message(row.id, operator, kind, priority=FIRST)
            dispatch_all(tx, [mail, note])


def _mail_failed(alert_id: UUID, operator: UUID, kind: str, error: str) -> Message:  # noqa: ARG001 - the job's arguments
    return mark_unsent.message(alert_id, kind, "mail", error)


@job(queue="notifications", tries=12, backoff=BACKOFF, timeout=30, durable=True, failed=_mail_failed)
def mail_operator(job: Running, alert_id: UUID, operator: UUID, kind: str, mailer: Mailer) -> None:
    """Mail an operator once, like `send_mail` a customer."""
    with job.transaction() as tx:
        notice = Notice.find(tx, alert_id, operator, kind, "mail")
        letter = begin_letter(tx, notice)
    send_letter(job, notice, letter, mailer)


@job(queue="notifications", tries=5, backoff=BACKOFF)
def tell_operator(tx: Transaction, alert_id: UUID, operator: UUID, kind: str) -> None:
    """Put it where the operator finds it in the shop."""
    notice = Notice.find(tx, alert_id, operator, kind, "database")
    if not notice.begun:
        notice.keep(tx)
