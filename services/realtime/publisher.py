"""What is published goes to every node by the stream of signals, and into the cache of its channel, in one pipeline."""

import json
import re
from collections.abc import Iterable

from redis.asyncio import Redis

from services.realtime.publications import Publication
from shared.broadcasting import keys

_CACHED = re.compile(r"(private-encrypted-cache-|private-cache-|presence-cache-|cache-)")


def is_cached(channel: str) -> bool:
    """Say whether a channel's last event is kept for whoever comes later."""
    return _CACHED.match(channel) is not None


async def publish(redis: Redis, publications: Iterable[Publication]) -> None:
    pipeline = redis.pipeline(transaction=False)
    for publication in publications:
        event, data = publication.event, publication.data
        for channel in filter(is_cached, publication.channels):
            pipeline.set(keys.cache(channel), _json({"event": event, "data": data}), ex=keys.CACHE_SECONDS)
        if publication.channels:
            said = {"event": event, "channels": _json(publication.channels), "data": data}
            _signal(pipeline, {"kind": "event", **said, "except": publication.without, "user_id": ""})
        for user in publication.users:
            _signal(pipeline, {"kind": "user", "user_id": user, "event": event, "data": data})
    await pipeline.execute()


async def terminate(redis: Redis, user_id: str) -> None:
    """Have every node close what this user signed in on."""
    pipeline = redis.pipeline(transaction=False)
    _signal(pipeline, {"kind": "terminate", "user_id": user_id})
    await pipeline.execute()


def _signal(pipeline: Redis, fields: dict[str, str]) -> None:
    pipeline.xadd(keys.SIGNALS, fields, maxlen=keys.SIGNALS_KEPT)  # type: ignore[arg-type]  # a dict is invariant


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
