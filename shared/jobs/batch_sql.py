"""Every statement of the batches. Whoever touches members and batch locks the members first."""

INSERT = """
insert into batches (id, name, total, pending, allow_failures, then_id, catch_id, finally_id, chain_id, next_id,
                     finished_at)
select r.id, r.name, r.total, r.total, r.allow_failures, r.then_id, r.catch_id, r.finally_id, r.chain_id, r.next_id,
       case when r.total = 0 and r.chain_id is null then clock_timestamp() end
from jsonb_to_recordset(%s::jsonb) as r(
    id uuid, name text, total int, allow_failures bool, then_id uuid, catch_id uuid, finally_id uuid,
    chain_id uuid, next_id uuid)
"""

# What waits for the batch is called by the member that decides it, in that member's own transaction. Callbacks leave
# `blocked` once, and so are called once; what can no longer be called is cancelled, so that nothing waits for ever.
_CALL = """
, calls as (
    select then_id, catch_id, finally_id, next_id, pending = 0 as over, failed > 0 as failing,
           failed = 0 and cancelled = 0 as good, cancelled_at is null as going
    from counted where pending = 0 or failed > 0
), waiting as (
    select w.id, w.fires from calls c cross join lateral (values
        (c.then_id, c.over and c.good, c.over), (c.catch_id, c.failing, c.over), (c.finally_id, c.over, c.over),
        (c.next_id, c.over and c.going, false)
    ) as w(id, fires, is_over)
    where w.id is not null and (w.fires or w.is_over)
)
update jobs set state = case when w.fires then 'scheduled' else 'cancelled' end,
                available_at = case when w.fires then clock_timestamp() else available_at end,
                finished_at = case when not w.fires then clock_timestamp() end,
                reason = case when not w.fires then 'its batch ended without it' end
from waiting w where jobs.id = w.id and jobs.state || '' = 'blocked'
"""

COUNT = f"""
with counted as (
    update batches set pending = pending - %(ended)s, failed = failed + %(failed)s,
                       cancelled = cancelled + %(cancelled)s,
                       finished_at = case when pending = %(ended)s then clock_timestamp() end
    where id = %(batch)s
    returning *
)
{_CALL.strip()}
"""

# The first failure of a batch that allows none: no row comes back when it was cancelled before.
CANCEL = """
update batches set cancelled_at = clock_timestamp(), cancelled_because = %(reason)s
where id = %(batch)s and cancelled_at is null and finished_at is null returning id, chain_id
"""
CANCEL_AT_FAILURE = """
update batches set cancelled_at = clock_timestamp(), cancelled_because = %(reason)s
where id = %(batch)s and cancelled_at is null and not allow_failures returning id
"""

CANCEL_MEMBERS = """
with mine as (
    select id, state from jobs where batch_id = %(batch)s and state = any(%(states)s) order by id for update
), ended as (
    update jobs set state = 'cancelled', finished_at = clock_timestamp(), lease_until = null,
                    reason = 'its batch was cancelled'
    from mine where jobs.id = mine.id and jobs.state = any(%(states)s)
    returning jobs.*, mine.state as before
), kept as (
    insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error)
    select id, attempt, worker, available_at, started_at, 'cancelled', reason from ended where before = 'running'
)
select id, serial_key from ended
"""

OF_CHAIN = "select id from batches where chain_id = %s and finished_at is null and cancelled_at is null"

READ = """
select id, name, total, pending, failed, cancelled, allow_failures, chain_id, next_id, cancelled_at, finished_at
from batches where id = %s
"""

BEGIN = """
update jobs set state = 'scheduled', available_at = greatest(available_at, clock_timestamp())
where batch_id = %s and state = 'blocked' and coalesce(link, 0) = 0
"""

# With no members nobody else would end it.
END_IF_EMPTY = f"""
with counted as (
    update batches set finished_at = clock_timestamp() where id = %(batch)s and pending = 0 and finished_at is null
    returning *
)
{_CALL.strip()}
"""

ADD = """
update batches set total = total + %(members)s, pending = pending + %(members)s
where id = %(batch)s and cancelled_at is null and finished_at is null returning id
"""

# A member that is tried again: what the end of its batch had cancelled may be called after all.
REOPEN = """
with reopened as (
    update batches set pending = pending + %(members)s, failed = failed - %(failed)s,
                       cancelled = cancelled - %(cancelled)s,
                       finished_at = null, cancelled_at = null, cancelled_because = null
    where id = %(batch)s returning then_id, catch_id
)
update jobs set state = 'blocked', finished_at = null, reason = null
where state || '' = 'cancelled' and attempt = 0
      and id = any(array(select unnest(array[then_id, catch_id]) from reopened))
"""
