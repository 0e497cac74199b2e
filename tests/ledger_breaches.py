"""What must never be in a job ledger, asked of it alone; each select finds what breaks a promise."""

#: Whatever happens to it.
ALWAYS = """
select 'succeeded twice' as breach, job_id from job_attempts where outcome = 'succeeded' group by job_id
having count(*) > 1
union all
select 'not as many attempts kept as made', id from jobs
where attempt - (state = 'running')::int <> (select count(*) from job_attempts a where a.job_id = jobs.id)
union all
select 'an effect without a success, or twice', id from jobs
where (select count(*) from ran where job = jobs.id and what not like 'begin %%') > (state = 'succeeded')::int
union all
select 'begun before the link before it had succeeded', l.id
from jobs l join jobs b on b.next_id = l.id and b.state <> 'succeeded'
where l.attempt > 0 or l.state in ('scheduled', 'queued', 'running', 'succeeded', 'failed')
union all
select 'an effect before that of the link before it', l.id
from jobs b join jobs l on l.id = b.next_id join ran rb on rb.job = b.id and rb.what not like 'begin %%'
join ran rl on rl.job = l.id where rl.id < rb.id
union all
select 'a lease of nobody, or nobody''s lease', id from jobs where (state = 'running') <> (lease_until is not null)
union all
select 'an end without its time', id from jobs
where (state in ('succeeded', 'failed', 'cancelled')) <> (finished_at is not null)
"""

#: Where there are chains alone, and no operators.
BREACHES = f"""
{ALWAYS}union all
select 'waits for what will never be', l.id
from jobs l left join jobs b on b.next_id = l.id and b.state in ('blocked', 'scheduled', 'queued', 'running')
where l.state = 'blocked' and b.id is null
union all
select 'undone though it did not fail', c.id from chains c
where undone_at is not null and not exists (select from jobs where chain_id = c.id and state = 'failed')
"""
