"""Videos by the clock, in SQL: whose upload has had its time, who stands still, and what goes at last."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.db.sql import pruning
from shared.db.transaction import Transaction

ROWS = """
select id, status, generation, poster, storyboard, published, completed_at, source_deleted_at, deleted_at
from videos where id = any(%s)
"""

#: Whose upload has been kept for as long as was promised. One that is processed again just now is left alone.
_OVER = """
status in ('completed', 'rejected', 'failed', 'cancelled') and source_deleted_at is null and deleted_at is null
"""
OLD_SOURCES = f"""
select id, status, case status when 'completed' then completed_at else updated_at end as since from videos
where {_OVER} and case status when 'completed' then completed_at else updated_at end
      < clock_timestamp() - make_interval(secs => %s)
order by 3 limit %s
"""
DROP_SOURCE = f"update videos set source_deleted_at = clock_timestamp() where id = %s and {_OVER} returning id"

#: Under way, and nobody is: no job that is open, no fact of which the jobs have yet to follow.
STALLED = """
select id, generation, updated_at from videos v
where status in ('uploaded', 'processing') and deleted_at is null
      and updated_at < clock_timestamp() - make_interval(secs => %(patience)s)
      and not exists (select 1 from jobs j where j.aggregate_id = v.id and j.name = any(%(names)s)
                                                 and j.state in ('blocked', 'scheduled', 'queued', 'running'))
      and not exists (select 1 from events e where e.aggregate_id = v.id and e.position is null)
order by updated_at limit %(limit)s
"""

#: Rows of deleted videos are kept for a while, for operators; their files went at once.
PRUNE = pruning.old("videos", "id", "deleted_at", "30 days")


def rows(tx: Transaction, video_ids: Sequence[UUID]) -> list[Any]:
    """Return what of these videos decides which of their files are wanted; also of those that were deleted."""
    return tx.all(ROWS, (list(video_ids),))


def old_sources(tx: Transaction, seconds: float, limit: int) -> list[Any]:
    return tx.all(OLD_SOURCES, (seconds, limit))


def drop_source(tx: Transaction, video_id: UUID) -> bool:
    """Say that an upload is not kept any more; its file is for the caller to remove, after the commit."""
    return tx.one(DROP_SOURCE, (video_id,)) is not None


def stalled(tx: Transaction, names: Sequence[str], patience: float, limit: int) -> list[Any]:
    """Return videos that are under way although no job of these names works on them, and none will."""
    return tx.all(STALLED, {"names": list(names), "patience": patience, "limit": limit})


def prune(tx: Transaction) -> bool:
    """Forget some that were deleted long ago; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
