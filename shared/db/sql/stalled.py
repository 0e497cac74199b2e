"""What stands still though nobody works on it, in SQL: mostly a row with `subject`, `number`, `example`."""

_LONG_AGO = "statement_timestamp() - make_interval(secs => %(patience)s)"

ORDERS = f"""
select 'orders' as subject, count(*) as number, (array_agg(id::text order by updated_at))[1] as example
from orders where status in ('placed', 'reserved')
    and updated_at < {_LONG_AGO} - make_interval(secs => %(reservation)s)
having count(*) > 0
"""

PAYMENTS = f"""
select 'payments' as subject, count(*) as number, (array_agg(id::text order by updated_at))[1] as example
from payments where status = 'pending' and doubt is not null and updated_at < {_LONG_AGO}
having count(*) > 0
"""

#: Nothing is on that could free `j`, a blocked link: no other link of its chain, no batch that is a link of it and has
#: begun; nor is it a member of a batch whose turn in another chain has not come.
NOTHING_FREES_IT = """
chain_id is not null
    and not exists (select 1 from jobs other where other.chain_id = j.chain_id
                    and other.state in ('scheduled', 'queued', 'running'))
    and not exists (select 1 from batches b join jobs l on l.id = b.next_id
                    where b.chain_id = j.chain_id and b.finished_at is null and l.attempt > 0)
    and not exists (select 1 from batches b join jobs l on l.id = b.next_id
                    where b.id = j.batch_id and l.state || '' = 'blocked' and l.attempt = 0)
"""

# Of very many it is enough to look at the oldest.
CHAINS = f"""
select 'chains' as subject, count(*) as number, (array_agg(concat(name, ' ', id) order by created_at))[1] as example
from (
    select id, name, chain_id, batch_id, created_at from jobs where state = 'blocked' and created_at < {_LONG_AGO}
    order by created_at limit 1000
) j
where {NOTHING_FREES_IT}
having count(*) > 0
"""

PARKED = """
select name as subject, count(*) as number, (array_agg(parked_reason order by parked_at))[1] as example
from (select name, parked_reason, parked_at from events where parked_at is not null order by parked_at limit 1000) e
group by name
"""

FACTS = f"""
select 'facts' as subject, count(*) as number, (array_agg(concat(name, ' ', id) order by seq))[1] as example
from (
    select id, name, seq, occurred_at from events where position is null and parked_at is null order by seq limit 1000
) e
where occurred_at < {_LONG_AGO}
having count(*) > 0
"""

# By task, the end of the last run that has ended.
TASKS = """
select t.task as subject, last.error
from (select distinct task from schedule_slots) t cross join lateral (
    select j.state, j.error from schedule_slots s join jobs j on j.id = s.job_id
    where s.task = t.task and j.state in ('succeeded', 'failed') order by s.slot desc limit 1
) last
where last.state = 'failed'
"""

FAILED = """
select name as subject, count(*) as number, (array_agg(aggregate_id::text order by finished_at desc))[1] as example
from (
    select name, aggregate_id, finished_at from jobs where state = 'failed' and name = any(%(names)s)
    order by finished_at desc limit 1000
) j
group by name
"""

# All that went wrong lately, by an index of its own: in a crowd of successes the newest attempts may hold none of it.
BAD = """
select j.name, count(*) filter (where outcome = 'failed') as failed, count(*) filter (where outcome = 'lost') as lost
from (
    select job_id, outcome from job_attempts
    where outcome in ('failed', 'lost') and finished_at > statement_timestamp() - make_interval(secs => %(window)s)
    order by finished_at desc limit 10000
) a cross join lateral (select name from jobs where id = a.job_id offset 0) j
group by j.name
"""

#: How the reason begins of a job that waits until there is room for what it makes.
NO_ROOM = "no room"
DISK = f"""
select 'files' as subject, count(*) as number, (array_agg(reason order by created_at))[1] as example
from jobs where state = 'scheduled' and deferrals > 0 and reason like '{NO_ROOM}:%%'
having count(*) > 0
"""
