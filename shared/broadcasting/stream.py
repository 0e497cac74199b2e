"""Append recorded facts to the live stream, in order; a second writer of the same fact is refused by its id."""

import json
from datetime import timedelta
from typing import Any

import redis
import structlog

from shared.db.transaction import Transaction
from shared.events.catalogue import load

log = structlog.get_logger()

STREAM = "taboor:events"
KEPT = 100_000  # entries, about; a client that missed more than that refetches
CURSOR = "live"
REWRITE = timedelta(minutes=15)

AT_ONCE = 500

UNWRITTEN = """
select position, id, name, version, aggregate_id, payload, occurred_at from events
where position > coalesce((select position from stream_cursor where name = %s), 0) order by position limit %s
"""
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
    return tx.all(UNWRITTEN, (CURSOR, AT_ONCE))


def write(client: redis.Redis, facts: list[Any], *, anew: bool) -> bool:
    """Append them; entry ids are their positions, so that writing again does nothing.

    anew: whether the stream may be made. Returns False if it was gone though it may not: what it held must go first.
    """
    pipeline = client.pipeline(transaction=False)
    for number, fact in enumerate(facts):
        goes_on = number > 0 or not anew
        pipeline.xadd(STREAM, _entry(fact), id=f"{fact.position}-0", maxlen=KEPT, approximate=True, nomkstream=goes_on)
    answers = pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, redis.ResponseError) and "equal or smaller" in str(answer):
            continue  # another relay was faster
        if isinstance(answer, Exception):
            raise answer
    return None not in answers


def advance(tx: Transaction, position: int) -> None:
    """Note that the stream is written up to `position`; it never goes back."""
    tx.execute(ADVANCE, (CURSOR, position))


def gone(client: redis.Redis) -> bool:
    return not client.exists(STREAM)


def rewind(tx: Transaction) -> None:
    """After a wipe, have the last minutes written again."""
    tx.execute(REWIND, {"name": CURSOR, "kept": KEPT, "minutes": REWRITE})


def last_written(client: redis.Redis) -> int | None:
    """Return the position of the last entry that the stream ever had; None if there is no stream."""
    try:
        about: Any = client.xinfo_stream(STREAM)
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return None
        raise
    return int(about["last-generated-id"].split(b"-")[0])


def is_strangers(tx: Transaction, last: int | None) -> bool:
    """Say whether the stream has positions that this database has not given: it would refuse all that is new here.

    The stream is to be asked first: what we write there is committed before.
    """
    highest = tx.one(HIGHEST).position or 0
    if last is None or last <= highest:
        return False
    log.warning("the live stream is another database's", last=last, highest=highest)
    return True


def delete(client: redis.Redis) -> None:
    client.delete(STREAM)


def _entry(fact: Any) -> dict[Any, Any]:
    """Return what the stream is told. A fact that cannot be read is heard by nobody, and stops nobody."""
    try:
        channels = load(fact.name, fact.version, fact.payload).broadcast_on()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one fact, the next ones must be heard
        log.warning("a fact that nobody hears", fact=fact.name, position=fact.position, error=repr(error)[:500])
        channels = ()
    payload = fact.payload if isinstance(fact.payload, dict) else {}
    return {
        "event": fact.name,
        "channels": json.dumps(list(channels)),
        "data": json.dumps({**payload, "event_id": fact.position}),
        "occurred_at": fact.occurred_at.isoformat(),
    }
