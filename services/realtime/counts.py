"""What the HTTP API tells of channels, read from Redis for all nodes: it asks no other node and waits for none."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from services.realtime import cluster_keys
from services.realtime.calls import Node
from services.realtime.presence import text
from shared.broadcasting import keys

Counts = dict[str, Any]


async def of_channels(node: Node, wanted: Mapping[str, Iterable[str]]) -> dict[str, Counts]:
    """Return of each channel the attributes that are wanted of it."""
    await node.occupancy.flush()
    pipeline = node.redis.pipeline(transaction=False)
    asked = [(channel, name) for channel, names in wanted.items() for name in sorted(names)]
    for channel, name in asked:
        if name == "user_count":
            pipeline.hlen(keys.presence_count(channel))
        else:
            pipeline.hget(cluster_keys.OCCUPIED, channel)
    found: dict[str, Counts] = {channel: {} for channel in wanted}
    for (channel, name), answer in zip(asked, await pipeline.execute() if asked else (), strict=True):
        found[channel][name] = int(answer or 0)
    return found


async def occupied(node: Node, prefix: str) -> dict[str, int]:
    """Return the channels that anybody is subscribed to, and how often."""
    await node.occupancy.flush()
    match = re.sub(r"([\\*?\[\]])", r"\\\1", prefix) + "*"
    found = node.redis.hscan_iter(cluster_keys.OCCUPIED, match=match, count=1_000)
    return {text(channel): int(count) async for channel, count in found}


async def cached(node: Node, channel: str) -> Counts | None:
    """Return a cache channel's last event, and for how many seconds it is kept."""
    pipeline = node.redis.pipeline(transaction=False)
    pipeline.get(keys.cache(channel))
    pipeline.ttl(keys.cache(channel))
    kept, ttl = await pipeline.execute()
    return None if kept is None else {"data": json.loads(kept)["data"], "ttl": max(0, int(ttl))}


async def users(node: Node, channel: str) -> list[str]:
    answer: Any = await node.redis.hkeys(keys.presence_count(channel))
    return sorted(text(user) for user in answer)
