"""What Redis holds of the queues: a list of job ids for each, which may get lost, repeated or wiped."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import redis

KEY = "taboor:queue:{}"
ID_BYTES = 16


def push(client: redis.Redis, messages: Iterable[tuple[str, UUID]]) -> None:
    """Hand over (queue, id) pairs, in one round trip."""
    by_queue: dict[str, list[bytes]] = {}
    for queue, job_id in messages:
        by_queue.setdefault(queue, []).append(job_id.bytes)
    pipeline = client.pipeline(transaction=False)
    for queue, ids in by_queue.items():
        pipeline.rpush(KEY.format(queue), *ids)
    pipeline.execute()


def pop(client: redis.Redis, queues: Sequence[str], at_most: int, wait: float) -> list[UUID]:
    """Take up to `at_most` ids from the first of the queues that has any; wait `wait` seconds for one."""
    keys = [KEY.format(queue) for queue in queues]
    answer: Any = client.blmpop(wait, len(keys), *keys, direction="LEFT", count=at_most)
    return [UUID(bytes=raw) for raw in answer[1] if len(raw) == ID_BYTES] if answer else []  # what is no id is dropped


def waiting(client: redis.Redis, queue: str) -> set[UUID]:
    """Return the ids that Redis holds for a queue."""
    ids: Any = client.lrange(KEY.format(queue), 0, -1)
    return {UUID(bytes=raw) for raw in ids}


def lengths(client: redis.Redis, queues: Iterable[str]) -> dict[str, int]:
    """Return how many ids Redis holds for each queue."""
    named = list(queues)
    pipeline = client.pipeline(transaction=False)
    for queue in named:
        pipeline.llen(KEY.format(queue))
    return dict(zip(named, pipeline.execute(), strict=True))
