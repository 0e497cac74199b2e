"""ONE TABLE: what is done by the clock: the job of each slot starts once, and a slot that is missed is kept and seen.

`python -m services.worker schedule list` shows it. Small tables are tidied by the relay itself, see relay.FORGETTING.
"""

from services.worker.alert_rules import evaluate_alerts
from services.worker.housekeeping import check_books, prune_history, prune_jobs
from services.worker.payments import refund_orphans
from services.worker.reconciling import reconcile_payments
from services.worker.videos_sweeping import drop_old_sources, mend_stalled_videos, sweep_files, tidy_uploads
from shared.jobs.schedule import Schedule, Task
from shared.jobs.when import daily, every

SCHEDULE: Schedule = {
    "alerts": Task(every(minutes=1), evaluate_alerts),
    "payments": Task(every(minutes=5), reconcile_payments),
    "orphans": Task(every(hours=1), refund_orphans),
    "books": Task(every(hours=1), check_books),
    "videos": Task(every(minutes=1), mend_stalled_videos),
    "uploads": Task(every(minutes=5), tidy_uploads),
    "files": Task(every(hours=1), sweep_files),
    "sources": Task(daily("02:30"), drop_old_sources),
    "prune-jobs": Task(daily("03:00"), prune_jobs),
    "prune-history": Task(daily("03:30"), prune_history),
}
