"""Hand due jobs over to Redis: the row is `queued` first, committed, and pushed only then."""

from collections import Counter
from typing import Any
from uuid import UUID

from shared.config import Settings
from shared.db.transaction import Transaction
from shared.jobs import sql


def hand_over(tx: Transaction, settings: Settings) -> tuple[list[tuple[str, UUID]], bool]:
    """Move due jobs to `queued`, by priority, then age, as far as each queue's window has room.

    Returns the (queue, id) pairs to push once this transaction is committed, and whether a window was filled.
    Pushing first would let a fast worker look before the commit, find nothing, and drop the message.
    """
    waiting = tx.all(sql.WAITING)
    rooms = {row.queue: room(row, settings) for row in waiting}
    wanted = [(row.queue, priority, rooms[row.queue]) for row in waiting for priority in row.priorities]
    wanted = [(queue, priority, size) for queue, priority, size in wanted if size > 0]
    if not wanted:
        return [], bool(waiting)
    queues, priorities, sizes = (list(column) for column in zip(*wanted, strict=True))
    due = tx.all(sql.HAND_OVER, {"queues": queues, "priorities": priorities, "rooms": sizes})
    due.sort(key=lambda job: (job.priority, job.available_at, job.id))
    taken = Counter(job.queue for job in due)
    return [(job.queue, job.id) for job in due], any(taken[queue] >= size for queue, size in rooms.items())


def room(row: Any, settings: Settings) -> int:
    """Return how many more jobs Redis may hold for a queue; what it does not hold it cannot lose."""
    window: int = max(settings.hand_over_at_least, settings.hand_over_per_thread * row.threads)
    return max(0, window - int(row.queued))
