"""Append recorded facts to the bus and to their channels' streams, in order; who writes one twice is refused."""

import json
import secrets
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog

from shared.broadcasting import keys
from shared.broadcasting.said import Said
from shared.broadcasting.stream_script import GONE, LIFE_SECONDS, append
from shared.db.transaction import Transaction
from shared.events.catalogue import load

log = structlog.get_logger()

CURSOR = "live"
REWRITE = timedelta(minutes=15)

AT_ONCE = 500

#: Text, because it goes on as text: taking it apart and putting it together would cost as much as all the rest.
_SINCE = "coalesce((select position from stream_cursor where name = %(name)s), 0)"
UNWRITTEN = f"""
select {_SINCE} as since, position, name, version, aggregate_id, payload::text as payload, occurred_at from events
where position > {_SINCE} order by position limit %(at_once)s
"""  # noqa: S608 - made of our own constants
WRITTEN = f"select {_SINCE} as since"
ADVANCE = """
insert into stream_cursor (name, position) values (%s, %s)
on conflict (name) do update set position = greatest(stream_cursor.position, excluded.position)
"""
#: Backwards by position, from the last fact to the first that is too old, or as far as the stream keeps: what it reads
#: does not grow with the table. A fact that was parked has a late position and an early time: it is not asked.
REWIND = """
insert into stream_cursor (name, position)
select %(name)s, coalesce(
    (select position from events
     where position > last.position - %(kept)s and parked_times = 0 and occurred_at <= clock_timestamp() - %(minutes)s
     order by position desc limit 1),
    greatest(last.position - %(kept)s, 0))
from (select coalesce(max(position), 0) as position from events) as last
on conflict (name) do update set position = excluded.position
"""
HIGHEST = "select max(position) as position from events"


def unwritten(tx: Transaction) -> list[Any]:
    """Return the facts that the stream does not have yet, in order."""
    return tx.all(UNWRITTEN, {"name": CURSOR, "at_once": AT_ONCE})


def written(tx: Transaction) -> int:
    """Return the position up to which the stream is written."""
    return int(tx.one(WRITTEN, {"name": CURSOR}).since)


def write(client: redis.Redis, facts: Sequence[Any], *, anew: bool) -> bool:
    """Append them; entry ids are their positions, so that writing again does nothing.

    anew: whether the stream may be made. Returns False if it was gone though it may not, or is not up to what was
        written before: what it held must go first.
    """
    arguments = [word for fact in facts for word in _words(fact)]
    if append(client, secrets.token_hex(16), arguments, since=facts[0].since, anew=anew) != GONE:
        return True
    log.warning("the live stream is not what was written: it is made anew", written=facts[0].since)
    return False


def advance(tx: Transaction, position: int) -> None:
    """Note that the stream is written up to `position`; it never goes back."""
    tx.execute(ADVANCE, (CURSOR, position))


def gone(client: redis.Redis) -> bool:
    return not client.exists(keys.BUS)


def rewind(tx: Transaction) -> None:
    """After a wipe, have the last minutes written again."""
    tx.execute(REWIND, {"name": CURSOR, "kept": keys.BUS_KEPT, "minutes": REWRITE})


def last_written(client: redis.Redis) -> int | None:
    """Return the position of the last entry that the stream ever had; None if there is no stream."""
    try:
        about: Any = client.xinfo_stream(keys.BUS)
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return None
        raise
    return _position(about["last-generated-id"])


def is_strangers(tx: Transaction, last: int | None) -> bool:
    """Say whether the stream has positions that this database has not given: it would refuse all that is new here.

    The stream is to be asked first: what we write there is committed before.
    """
    highest = tx.one(HIGHEST).position or 0
    if last is None or last <= highest:
        return False
    log.warning("the live stream is another database's", last=last, highest=highest)
    return True


def lost_its_end(last: int | None, since: int) -> bool:
    """Say whether Redis came back with less than was written, as after a crash that its disk had not kept up with.

    since: what `written` said before the stream was asked.
    """
    if last is None or last >= since:
        return False
    log.warning("the live stream has lost its end", last=last, written=since)
    return True


def delete(client: redis.Redis) -> None:
    client.delete(keys.BUS, keys.LIFE)


def trim(client: redis.Redis, now: datetime) -> int:
    """Drop what is too old to be replayed, exactly; return how many entries. So the stream may live on for a while."""
    last = last_written(client)
    oldest = _first_from(client, "-")
    dropped = 0
    if last is not None and oldest is not None:
        old = (now - timedelta(seconds=keys.BUS_SECONDS)).isoformat()
        range_ = range(oldest[0], last + 1)
        keep = range_.start + bisect_left(range_, True, key=lambda position: _is_young(client, position, old))
        dropped = client.xtrim(keys.BUS, minid=f"{keep}-0", approximate=False) if keep > range_.start else 0
    client.expire(keys.LIFE, LIFE_SECONDS)
    return int(dropped)


def _is_young(client: redis.Redis, position: int, old: str) -> bool:
    found = _first_from(client, str(position))
    return found is None or found[1] > old


def _first_from(client: redis.Redis, entry_id: str) -> tuple[int, str] | None:
    """Return the position and the time of the first entry from there on."""
    entries: Any = client.xrange(keys.BUS, min=entry_id, count=1)
    return (_position(entries[0][0]), entries[0][1].get(b"occurred_at", b"").decode()) if entries else None


def _position(entry_id: bytes) -> int:
    return int(entry_id.split(b"-")[0])


def said_of(fact: Any) -> Said:
    """Return what is said of a stored fact. Of one that cannot be read nobody hears."""
    name: str
    channels: Sequence[str]
    try:
        event = load(fact.name, fact.version, fact.payload)
        name, channels = event.broadcast_as(), event.broadcast_on()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one fact, the next ones must be heard
        log.warning("a fact that nobody hears", fact=fact.name, position=fact.position, error=repr(error)[:500])
        name, channels = keys.wire_event(fact.name), ()
    inside = fact.payload[1:-1] if fact.payload.startswith("{") else ""
    return Said(name, channels, f'{{{inside}{", " if inside else ""}"event_id": {fact.position}}}')


def _words(fact: Any) -> list[str | int]:
    """Return a fact's entry in the order in which the script takes it apart."""
    name, channels, data = said_of(fact)
    kept = [keys.channel(channel) for channel in channels]
    at = fact.occurred_at.astimezone(UTC).isoformat()
    return [f"{fact.position}-0", name, json.dumps(list(channels)), data, at, len(kept), *kept]
