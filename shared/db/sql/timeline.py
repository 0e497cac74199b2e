"""An order's timeline in SQL: its facts, its jobs with their attempts, its notifications."""

from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction

#: A payment's and a notification's facts and jobs belong to their order's timeline too.
_ITS = """
with its(id) as (
    select %(order)s::uuid
    union all select id from payments where order_id = %(order)s
    union all select id from notifications where aggregate_id = %(order)s
)
"""

EVENTS = f"""{_ITS}
select e.id, e.position, e.name, e.version, e.payload, e.job_id, e.parent_event_id, e.occurred_at
from its join events e on e.aggregate_id = its.id order by e.position nulls last, e.seq
"""

JOBS = f"""{_ITS}
select j.id, j.name, j.queue, j.state, j.attempt, j.failures, j.tries, j.available_at, j.created_at, j.started_at,
       j.finished_at, j.reason, j.error, j.event_id,
       case when c.id is not null then json_build_object(
           'id', c.id, 'name', c.name, 'link', j.link, 'ended_reason', c.ended_reason) end as chain,
       (select coalesce(json_agg(json_build_object('attempt', a.attempt, 'worker', a.worker,
               'started_at', a.started_at, 'finished_at', a.finished_at, 'outcome', a.outcome, 'error', a.error)
               order by a.attempt), '[]')
        from job_attempts a where a.job_id = j.id) as attempts
from its join jobs j on j.aggregate_id = its.id left join chains c on c.id = j.chain_id
order by j.created_at, j.chain_id, j.link, j.id
"""

NOTIFICATIONS = """
select id, kind, channel, recipient, status, delivery, subject, created_at, sent_at
from notifications where aggregate_id = %s order by id
"""


def events(tx: Transaction, order_id: UUID) -> list[Any]:
    """Return its facts by position, those that have none yet last."""
    return tx.all(EVENTS, {"order": order_id})


def jobs(tx: Transaction, order_id: UUID) -> list[Any]:
    return tx.all(JOBS, {"order": order_id})


def notifications(tx: Transaction, order_id: UUID) -> list[Any]:
    return tx.all(NOTIFICATIONS, (order_id,))
