"""Turn new facts into the jobs that follow from them, by the listener table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.db.transaction import Transaction
from shared.events.catalogue import load
from shared.events.event import Event
from shared.jobs.chain import Chain
from shared.jobs.dispatch import Dispatchable, insert, insert_groups, unrecorded
from shared.jobs.job import JobType

log = structlog.get_logger()

Listener = JobType | Chain | Callable[[Any], Iterable[Dispatchable]]
Listeners = Mapping[type[Event], Sequence[Listener]]

AT_ONCE = 200

#: Positions are given by the one leader, in the order of `seq`; for one aggregate that is the order of its facts.
NUMBER = """
with new as (
    select id, nextval('event_positions') as position
    from (select id from events where position is null and parked_at is null order by seq limit %s) as waiting
)
update events set position = new.position from new where events.id = new.id
returning events.id, events.position, name, version, aggregate_id, payload, traceparent
"""
PARK = """
update events set position = null, parked_at = clock_timestamp(), parked_reason = %s, parked_times = parked_times + 1
where id = %s
"""
TRY_PARKED_AGAIN = """
update events set parked_at = null
where parked_at < clock_timestamp() - make_interval(secs => least(%s * parked_times, 3600))
"""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A fact, and the rows of what follows from it."""

    fact: Any
    chains: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    rows: list[dict[str, Any]]


def expand(tx: Transaction, listeners: Listeners) -> int:
    """Give new facts their positions and insert what follows, in this transaction; returns how many facts there were.

    A fact that this code cannot name, whose listener raises, or whose jobs PostgreSQL refuses is parked with the
    reason; the rest goes on.
    """
    facts = sorted(tx.all(NUMBER, (AT_ONCE,)), key=lambda fact: fact.position)
    expansions = []
    for fact in facts:
        try:
            expansions.append(_expansion(fact, listeners))
        except Exception as error:  # noqa: BLE001 - any error of a listener parks this fact, and this one only
            _park(tx, fact, error)
    if expansions and _insert(tx, expansions) is not None:
        for expansion in expansions:  # one of them poisons the whole: each by itself
            if (refused := _insert(tx, [expansion])) is not None:
                _park(tx, expansion.fact, refused)
    return len(facts)


def _expansion(fact: Any, listeners: Listeners) -> Expansion:
    following, _ = unrecorded(list(_following(load(fact.name, fact.version, fact.payload), listeners)))
    because = {
        "event_id": str(fact.id),
        "aggregate_id": str(fact.aggregate_id),
        "traceparent": fact.traceparent,
    }
    return Expansion(
        fact,
        [chain for message in following for chain in message.chains()],
        [batch for message in following for batch in message.batches()],
        [{**row, **because} for message in following for row in message.rows()],
    )


def _insert(tx: Transaction, expansions: Sequence[Expansion]) -> Exception | None:
    """Insert them all, or nothing and return why: no JSON, a number out of range, an id twice."""

    def write() -> None:
        insert_groups(
            tx,
            [chain for expansion in expansions for chain in expansion.chains],
            [batch for expansion in expansions for batch in expansion.batches],
        )
        insert(tx, [row for expansion in expansions for row in expansion.rows])

    return tx.attempt(write)


def _park(tx: Transaction, fact: Any, error: Exception) -> None:
    log.error("event parked", alert="event_parked", fact=fact.name, id=str(fact.id), exc_info=error)
    tx.execute(PARK, (repr(error)[:500], fact.id))


def _following(event: Event, listeners: Listeners) -> Iterable[Dispatchable]:
    for listener in listeners.get(type(event), ()):
        if isinstance(listener, JobType | Chain):
            yield listener.message(event.aggregate_id)
        else:
            yield from listener(event)
