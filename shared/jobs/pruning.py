"""Jobs that have had their time are deleted, a batch at a time: never an open one, and a chain only as a whole.

`prune` deletes one batch: call it in transactions of its own until it says that nothing is left.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.clock import now
from shared.config import settings
from shared.db.sql.pruning import BATCH
from shared.db.transaction import Transaction
from shared.jobs.pruning_sql import BATCHES, CHAINS, JOBS


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was deleted."""

    jobs: int = 0
    batches: int = 0
    chains: int = 0  # besides those that went with their jobs

    @property
    def may_be_more(self) -> bool:
        return max(self.jobs, self.batches, self.chains) >= BATCH

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(self.jobs + other.jobs, self.batches + other.batches, self.chains + other.chains)


def prune(tx: Transaction, older_than: timedelta | None = None) -> bool:
    """Delete a batch of what has had its time; say whether there may be more. See `prune_batch`."""
    return prune_batch(tx, older_than).may_be_more


def prune_batch(tx: Transaction, older_than: timedelta | None = None) -> Pruned:
    """Delete a batch of ended jobs, with attempts, chains and batches.

    older_than: since they ended; by itself as the settings say, which keep failed ones for longer.
    """
    keep, keep_failed = settings().keep_jobs_days, settings().keep_failed_jobs_days
    others = timedelta(days=keep) if older_than is None else older_than
    failed = timedelta(days=keep_failed) if older_than is None else older_than
    ages = {"failed": failed, "others": others, "before": _first_id_of(now() - others)}
    return Pruned(*(tx.one(statement, ages).n for statement in (JOBS, BATCHES, CHAINS)))


def _first_id_of(moment: datetime) -> UUID:
    """Return what every UUIDv7 made since is greater than."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
