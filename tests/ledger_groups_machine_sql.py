"""What the second state machine does to the ledger by itself, and asks of it."""

from shared.jobs.sql import ASIDE

LIVE = "select id, attempt from jobs where state = 'running' order by id"
CHANGES = "select (select max(n) from moved) as moves, (select count(*) from ran) as effects"
LOSE_LEASE = "update jobs set lease_until = clock_timestamp() - interval '1 ms' where id = %s"
BATCHES_OF = "select distinct batch_id as id from jobs where id = any(%s) and batch_id is not null order by 1"
IS_DOUBLE = """
select 1 from jobs where unique_key = %s and state in ('blocked', 'scheduled', 'queued', 'running')
"""
AN_HOUR_PASSES = f"""
update jobs set available_at = clock_timestamp() where state = 'scheduled' and available_at < {ASIDE}
"""
# What comes back in a second comes back in an hour, so that an example does not depend on how fast it runs.
TAKE_YOUR_TIME = """
update jobs set available_at = available_at + interval '1 hour'
where name = 'end_cancelled_batch' and state = 'scheduled' and available_at > clock_timestamp()
"""
# What ends a cancelled batch waits for an operator when it was lost too often: here it is not.
SPARE = "update jobs set lost = 0 where name in ('end_cancelled_batch', 'undo_cancelled_chain') and lost > 0"
SEEN = """
select outcome as what, count(*) from job_attempts group by 1
union all
select was || ' to ' || became, count(*) from moved group by 1
union all
select case when j.id = b.then_id then 'then' when j.id = b.catch_id then 'catch' else 'finally' end, count(*)
from batches b join jobs j on j.id in (b.then_id, b.catch_id, b.finally_id) where j.attempt > 0 group by 1
union all
select 'chain undone', count(*) from chains where undone_at is not null
union all
select 'put aside', count(*) from jobs where reason = 'waits for its turn'
union all
select 'batch as a link', count(*) from batches where next_id is not null and finished_at is not null
union all
select 'batch in a batch', count(*) from batches b join jobs j on j.id = b.next_id and j.batch_id is not null
where b.finished_at is not null
"""
