"""Append recorded facts to the live stream, in order; a second writer of the same fact is refused by its id."""

import json
from datetime import timedelta
from typing import Any

import redis

from shared.db.transaction import Transaction
from shared.events.catalogue import UnknownEvent, load

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
REWIND = """
update stream_cursor set position = coalesce(
    (select min(position) - 1 from events where position is not null and occurred_at > clock_timestamp() - %s),
    position)
where name = %s
"""


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
    tx.execute(REWIND, (REWRITE, CURSOR))


def _entry(fact: Any) -> dict[Any, Any]:
    try:
        channels = load(fact.name, fact.version, fact.payload).broadcast_on()
    except UnknownEvent:
        channels = ()
    return {
        "event": fact.name,
        "channels": json.dumps(list(channels)),
        "data": json.dumps({**fact.payload, "event_id": fact.position}),
        "occurred_at": fact.occurred_at.isoformat(),
    }
