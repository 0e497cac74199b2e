"""What is published goes to every node by the stream of signals, and into the cache of its channel, in one packet."""

import json
import re
from collections.abc import Iterable, Iterator

from services.realtime.publications import Publication
from services.realtime.redis_wire import Commands, Words
from shared.broadcasting import keys

_CACHED = re.compile(r"(private-encrypted-cache-|private-cache-|presence-cache-|cache-)")


def is_cached(channel: str) -> bool:
    """Say whether a channel's last event is kept for whoever comes later."""
    return _CACHED.match(channel) is not None


async def publish(commands: Commands, publications: Iterable[Publication]) -> None:
    """Return when Redis has it. Raises its errors."""
    await commands.ask_all([words for publication in publications for words in _written(publication)])


async def terminate(commands: Commands, user_id: str) -> None:
    """Have every node close what this user signed in on."""
    await commands.ask_all([_signal("kind", "terminate", "user_id", user_id)])


def _written(publication: Publication) -> Iterator[Words]:
    event, data = publication.event, publication.data
    for channel in filter(is_cached, publication.channels):
        yield "SET", keys.cache(channel), _json({"event": event, "data": data}), "EX", keys.CACHE_SECONDS
    if publication.channels:
        said = ("event", event, "channels", _json(publication.channels), "data", data)
        yield _signal("kind", "event", *said, "except", publication.without, "user_id", "")
    for user in publication.users:
        yield _signal("kind", "user", "user_id", user, "event", event, "data", data)


def _signal(*fields: str) -> Words:
    return "XADD", keys.SIGNALS, "MAXLEN", "~", keys.SIGNALS_KEPT, "*", *fields


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
