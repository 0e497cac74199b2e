"""Every statement of the batches. Whoever touches members and batch locks the members first.

The link that a batch is in a chain, `next_id`, is `blocked` again after its first attempt, until the batch is over: a
`blocked` job with attempts waits for a batch that runs.
"""

from shared.jobs.sql import IN_TURN

INSERT = """
insert into batches (id, name, total, pending, allow_failures, then_id, catch_id, finally_id, chain_id, next_id,
                     finished_at)
select r.id, r.name, r.total, r.total, r.allow_failures, r.then_id, r.catch_id, r.finally_id, r.chain_id, r.next_id,
       case when r.total = 0 and r.chain_id is null then clock_timestamp() end
from jsonb_to_recordset(%s::jsonb) as r(
    id uuid, name text, total int, allow_failures bool, then_id uuid, catch_id uuid, finally_id uuid,
    chain_id uuid, next_id uuid)
"""

COUNT = """
update batches set pending = pending - %(ended)s, failed = failed + %(failed)s, cancelled = cancelled + %(cancelled)s,
                   finished_at = case when pending = %(ended)s then clock_timestamp() end
where id = %(batch)s
"""
# With no members nobody else would end it: when its turn has come, or will not come.
END_IF_EMPTY = """
update batches set finished_at = clock_timestamp()
where id = %(batch)s and pending = 0 and finished_at is null
      and (cancelled_at is not null or (select attempt from jobs where jobs.id = batches.next_id) > 0)
"""

# What waits for the batch is called by the member that decides it, in that member's own transaction. Callbacks leave
# `blocked` once, and so are called once; what can no longer be called is cancelled, so that nothing waits for ever.
# A batch whose turn in its chain never came calls nobody. (A statement of its own, after the batch was locked: one that
# waited for that lock would not see what was committed meanwhile.)
_BEGUN = "coalesce((select attempt from jobs where jobs.id = batches.next_id), 1) > 0"  # (`exists` may read all jobs)
_ENDED_WITHOUT = "its batch ended without it"
CALL = f"""
with ended as materialized (
    select then_id, catch_id, finally_id, next_id, finished_at is not null as over, failed > 0 as failing,
           failed = 0 and cancelled = 0 as good, {_BEGUN} as begun
    from batches where id = %(batch)s and (finished_at is not null or failed > 0)
), waiting as (
    select w.id, w.fires and b.begun as fires from ended b cross join lateral (values
        (b.then_id, b.over and b.good, b.over), (b.catch_id, b.failing, b.over), (b.finally_id, b.over, b.over),
        (b.next_id, b.over, false)
    ) as w(id, fires, is_over)
    where w.id is not null and (w.fires and b.begun or w.is_over)
)
update jobs set state = case when w.fires then 'scheduled' else 'cancelled' end,
                available_at = case when not w.fires then available_at when attempt > 0 then clock_timestamp()
                               else {IN_TURN} end,
                finished_at = case when not w.fires then clock_timestamp() end,
                reason = case when not w.fires then '{_ENDED_WITHOUT}' end
from waiting w where jobs.id = w.id and jobs.state || '' = 'blocked'
"""

CANCEL = """
update batches set cancelled_at = coalesce(cancelled_at, clock_timestamp()),
                   cancelled_because = coalesce(cancelled_because, %(reason)s)
where id = %(batch)s and finished_at is null returning id
"""
# The first failure of a batch that allows none, while others have not ended.
CANCEL_AT_FAILURE = """
update batches set cancelled_at = clock_timestamp(), cancelled_because = %(reason)s
where id = %(batch)s and cancelled_at is null and finished_at is null and not allow_failures returning id
"""

# A member whose turn has come, or the first link of a chain: what waits behind it ends with its chain. Those that are
# locked are just being changed, and are left for the next look.
CANCEL_MEMBERS = """
with mine as (
    select id, state from jobs
    where batch_id = %(batch)s
          and (state = any(%(states)s) or state = 'blocked' and attempt = 0 and coalesce(link, 0) = 0)
          and exists (select 1 from batches where id = %(batch)s and cancelled_at is not null)
    order by id limit %(at_once)s for update skip locked
), ended as (
    update jobs set state = 'cancelled', finished_at = clock_timestamp(), lease_until = null,
                    reason = 'its batch was cancelled'
    from mine where jobs.id = mine.id
    returning jobs.*, mine.state as before
), kept as (
    insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error)
    select id, attempt, worker, available_at, started_at, 'cancelled', reason from ended where before = 'running'
)
select id, name, args, chain_id, serial_key from ended
"""
# Batches that run as links of member chains.
INNER = """
select batches.id from jobs join batches on batches.id = (args ->> 0)::uuid and cancelled_at is null
where batch_id = %s and state = 'blocked' and attempt > 0 and jobs.name = 'begin_batch'
"""
LEFT = """
select 1 from jobs join batches on batches.id = batch_id and cancelled_at is not null
where batch_id = %(batch)s and (state = 'blocked' or state = any(%(states)s)) limit 1
"""

READ = """
select id, name, total, pending, failed, cancelled, allow_failures, chain_id, next_id, cancelled_at, finished_at
from batches where id = %s
"""
LOCK = f"{READ.rstrip()} for no key update"

BEGIN = f"""
update jobs set state = 'scheduled', available_at = {IN_TURN}
where batch_id = %s and state = 'blocked' and attempt = 0 and coalesce(link, 0) = 0
"""

# Who changes a batch from inside locks its own row first, as all do.
LOCK_CALLER = "select 1 from jobs where id = %s for no key update"

ADD = f"""
update batches set total = total + %(members)s, pending = pending + %(members)s
where id = %(batch)s and cancelled_at is null and finished_at is null
      and {_BEGUN} returning id
"""

# A member that is tried again: what the end of its batch had cancelled may be called after all. Where no member waits
# again, another transaction was faster, and the batch stands as that one left it; only an empty one has none.
REOPEN = """
update batches set pending = pending + %(members)s, failed = failed - %(failed)s, cancelled = cancelled - %(cancelled)s,
                   finished_at = null, cancelled_at = null, cancelled_because = null
where id = %(batch)s and (%(members)s > 0 or total = 0)
"""
WAIT_AGAIN = f"""
update jobs set state = 'blocked', finished_at = null, reason = null
where state || '' = 'cancelled' and attempt = 0 and reason = '{_ENDED_WITHOUT}'
      and id in (select unnest(array[then_id, catch_id, finally_id]) from batches
                 where id = %(batch)s and finished_at is null)
"""

# The chain's link that a batch is.
LINK = """
select id, name, args, state, attempt, reason, chain_id, link, batch_id from jobs
where id = (select next_id from batches where id = %s) for update
"""
BLOCK_LINK = (
    "update jobs set state = 'blocked', finished_at = null, error = null, reason = 'its batch runs' where id = %s"
)

# A batch that was cancelled before its turn came, because the chain had ended, waits again with its chain; but not what
# would wait for a link that was forgotten.
REVIVE = """
with revived as (
    update jobs set state = 'blocked', finished_at = null, reason = null
    where batch_id = %(batch)s and state = 'cancelled' and attempt = 0 and (chain_id is null or not exists (
        select 1 from jobs l where l.chain_id = jobs.chain_id and (
            l.link > 0 and not exists (select 1 from jobs b where b.chain_id = l.chain_id and b.link = l.link - 1)
            or l.next_id is not null and not exists (select 1 from jobs n where n.id = l.next_id))))
    returning id, name, args, chain_id
), chains as (
    update chains set ended_reason = null where id in (select chain_id from revived)
)
select id, name, args from revived
"""
