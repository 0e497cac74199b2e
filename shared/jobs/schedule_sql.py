"""The schedule in SQL: what ran last, a slot that is taken once, and what became of them all."""

from shared.db.sql import pruning

LAST = """
select t.task, clock_timestamp() as now, (select max(slot) from schedule_slots s where s.task = t.task) as last
from unnest(%s::text[]) as t(task)
"""

#: No row comes back if somebody else has it.
TAKE = """
insert into schedule_slots (task, slot, job_id) values (%(task)s, %(slot)s, %(job)s) on conflict do nothing
returning task
"""
SKIPPED = "update schedule_slots set job_id = null, reason = %(reason)s where task = %(task)s and slot = %(slot)s"
MISSED = """
insert into schedule_slots (task, slot, reason) select %(task)s, unnest(%(slots)s::timestamptz[]), %(reason)s
on conflict do nothing
"""
BY_HAND = """
insert into schedule_slots (task, slot, job_id, reason) values (%(task)s, clock_timestamp(), %(job)s, 'by hand')
"""

# A job that was pruned since has no state any more.
OVERVIEW = """
select t.task, clock_timestamp() as now, ran.slot as last, ran.job_id, ran.state, ran.error, ran.finished_at,
       missed.number as misses, missed.newest as last_missed, missed.reason as missed_because
from unnest(%s::text[]) as t(task)
left join lateral (
    select s.slot, s.job_id, j.state, j.error, j.finished_at from schedule_slots s left join jobs j on j.id = s.job_id
    where s.task = t.task and s.job_id is not null order by s.slot desc limit 1
) ran on true
cross join lateral (
    select count(*) as number, max(slot) as newest, (array_agg(reason order by slot desc))[1] as reason
    from schedule_slots s where s.task = t.task and s.job_id is null and s.slot > clock_timestamp() - interval '7 days'
) missed
"""

PRUNE = pruning.old("schedule_slots", "task, slot", "slot", "7 days")
