"""The jobs' side of videos, in SQL: the plan, the parts that are made of it, how far it is, and what is shown."""

from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.db.sql import videos
from shared.db.transaction import Transaction
from shared.domain.videos import VideoStatus, processed_url
from shared.events.snapshots import VideoSnapshot

BEGIN = "update videos set chain_id = %s, plan = null, made = '{}' where id = %s"
KEEP_PLAN = "update videos set plan = %(plan)s, made = '{}' where id = %(id)s"
PLAN = "select plan, made from videos where id = %s"
KEEP_PART = "update videos set made = made || jsonb_build_object(%(part)s::text, %(place)s::text) where id = %(id)s"

KEEP_POSTER = "update videos set poster = %(generation)s where id = %(id)s"
KEEP_STORYBOARD = "update videos set storyboard = %(generation)s where id = %(id)s"

PUBLISH = """
update videos set published = %(generation)s, duration_ms = %(duration_ms)s, width = %(width)s, height = %(height)s,
                  completed_at = clock_timestamp()
where id = %(id)s
"""

# It never goes back, and never waits for whoever holds the row: the next one says more anyway.
FURTHER = """
update videos set percent = %(percent)s, updated_at = clock_timestamp()
where id = (select id from videos
            where id = %(id)s and generation = %(generation)s and status = 'processing' and deleted_at is null
                  and percent < %(percent)s for no key update skip locked)
returning percent
"""

# Of all chunks of a generation together, from 0 to 100.
CHUNKS = """
select coalesce(avg(case state when 'succeeded' then 100 else coalesce(progress, 0) end), 0)::float8 as percent
from jobs where aggregate_id = %(id)s and name = 'transcode_chunk' and args -> 1 = to_jsonb(%(generation)s::int)
"""

#: The jobs that make a generation, as far as they are open. (A batch that is a link of their chains is one too; of the
#: arguments of theirs the second is the generation.)
OPEN_JOBS = """
select id, state from jobs
where aggregate_id = %(id)s and state in ('blocked', 'scheduled', 'queued', 'running')
      and (name = any(%(names)s) and args -> 1 = to_jsonb(%(generation)s::int)
           or name = 'begin_batch' and chain_id in (
               select chain_id from jobs where aggregate_id = %(id)s and name = any(%(names)s)
                                               and args -> 1 = to_jsonb(%(generation)s::int)))
order by id
"""


class Kept(NamedTuple):
    """What was planned, and where under the folder of work each part lies that is finished."""

    plan: dict[str, Any]
    made: dict[str, str]


class OpenJob(NamedTuple):
    id: UUID
    state: str


def begin(tx: Transaction, video: VideoSnapshot, chain_id: UUID | None) -> VideoSnapshot:
    """Say of a locked video that work on its generation begins; of the one before it nothing is used."""
    tx.execute(BEGIN, (chain_id, video.id))
    return videos.move(tx, video, VideoStatus.PROCESSING) or video


def keep_plan(tx: Transaction, video_id: UUID, plan: dict[str, Any]) -> None:
    tx.execute(KEEP_PLAN, {"id": video_id, "plan": Jsonb(plan)})


def plan(tx: Transaction, video_id: UUID) -> Kept:
    """Return the plan of a video that was probed."""
    return Kept(*tx.one(PLAN, (video_id,)))


def keep_part(tx: Transaction, video_id: UUID, part: str, place: str) -> None:
    """Note where a finished part lies."""
    tx.execute(KEEP_PART, {"id": video_id, "part": part, "place": place})


def keep_poster(tx: Transaction, video: VideoSnapshot) -> None:
    tx.execute(KEEP_POSTER, {"id": video.id, "generation": video.generation})


def keep_storyboard(tx: Transaction, video: VideoSnapshot) -> None:
    tx.execute(KEEP_STORYBOARD, {"id": video.id, "generation": video.generation})


def publish(tx: Transaction, video: VideoSnapshot, *, duration: float, width: int, height: int) -> VideoSnapshot:
    """Show a locked video, whose stream is in its place; return it as it now is."""
    seen = {"width": width, "height": height}
    tx.execute(PUBLISH, {"id": video.id, "generation": video.generation, "duration_ms": round(duration * 1000), **seen})
    shown = {"duration": round(duration, 3), "processed_url": processed_url(video.id), **seen}
    return videos.move(tx, video.model_copy(update=shown), VideoStatus.COMPLETED) or video


def open_jobs(tx: Transaction, video_id: UUID, generation: int, names: list[str]) -> list[OpenJob]:
    """Return the open jobs of those names that make a generation, and the batches in their chains."""
    wanted = {"id": video_id, "generation": generation, "names": names}
    return [OpenJob(*row) for row in tx.all(OPEN_JOBS, wanted)]
