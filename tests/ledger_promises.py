"""What a ledger with batches, serial keys and operators must keep; each select finds what breaks a promise.

What must be so when a job moves is looked at by a trigger, in the very moment; the rest after each step, by the rows.
"""

from shared.jobs.sql import ASIDE
from tests.ledger_breaches import ALWAYS
from tests.ledger_groups_machine_jobs import LATER, NO, TOO_LATE

_OPEN = "('blocked', 'scheduled', 'queued', 'running')"
_ENDED_WITHOUT = "its batch ended without it"

# (A chain's link that a business "no" made needless is `cancelled`, and counts as succeeded.)
HISTORY = f"""
create table if not exists moved (
    n bigserial primary key, job uuid, batch uuid, was text, became text, wrong text
);
create or replace function counts_as(state text, reason text) returns text language sql immutable as $$
    select case when state = 'cancelled' and reason in ('{NO}', '{TOO_LATE}') then 'succeeded' else state end
$$;
create or replace function wrong_with(old jobs, new jobs) returns text language sql as $$
    with m as (select new.attempt = 0 and new.state = 'scheduled' and old.state in ('blocked', 'cancelled') as called)
    select 'it was over: ' || new.state where old.state = 'succeeded'
    union all
    select 'starts while its queue is paused' from paused_queues
    where queue = new.queue and new.state in ('queued', 'running')
    union all
    select 'starts though its batch is cancelled' from batches
    where id = new.batch_id and cancelled_at is not null and new.state = 'running'
    union all
    select 'two of a serial key are under way' from jobs o
    where o.serial_key = new.serial_key and o.id <> new.id and o.state in ('queued', 'running')
          and new.state in ('queued', 'running')
    union all
    select 'succeeds before one ahead of it in the line' from jobs o
    where o.serial_key = new.serial_key and o.id < new.id and new.state = 'succeeded'
          and o.state in ('scheduled', 'queued', 'running') and o.chain_id is null and o.batch_id is null
          and not o.tags @> '{{{LATER}}}'
          and not exists (select 1 from moved h where h.job = o.id and h.was in ('failed', 'cancelled'))
    union all
    select 'then is called though not all have ended well' from m, batches b
    where m.called and b.then_id = new.id and exists (
        select 1 from jobs where batch_id = b.id and counts_as(state, reason) <> 'succeeded')
    union all
    select 'catch is called though none has failed' from m, batches b
    where m.called and b.catch_id = new.id and b.failed = 0
    union all
    select 'finally is called though not all have ended' from m, batches b
    where m.called and b.finally_id = new.id and exists (
        select 1 from jobs where batch_id = b.id and state in {_OPEN})
    union all
    select 'a batch lets its chain go on though it has not ended well' from batches b
    where b.next_id = new.id and new.state = 'succeeded' and (b.cancelled_at is not null or exists (
        select 1 from jobs where batch_id = b.id
        and (state in {_OPEN} or not b.allow_failures and counts_as(state, reason) <> 'succeeded')))
$$;
create or replace function note_move() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into moved (job, batch, was, became)
        values (old.id, old.batch_id, counts_as(old.state, old.reason), 'forgotten');
    else
        insert into moved (job, batch, was, became, wrong)
        values (new.id, new.batch_id, old.state, new.state, wrong_with(old, new));
    end if;
    return null;
end
$$;
create or replace trigger moves after update on jobs
for each row when (old.state is distinct from new.state) execute function note_move();
create or replace trigger ends after delete on jobs for each row execute function note_move();
"""

FORGET_HISTORY = "truncate jobs, chains, batches, job_attempts, ran, moved, paused_queues"

# (One that was cancelled before its turn came in its chain calls nobody.)
_BEGUN = """
(b.next_id is null or exists (select 1 from moved where job = b.next_id and was = 'running' and became = 'blocked'))
"""
_ENDING = f"""
exists (select 1 from jobs where name = 'end_cancelled_batch' and args ->> 0 = b.id::text and state in {_OPEN})
"""

PROMISES = f"""
{ALWAYS}
union all
select wrong, job from moved where wrong is not null
union all
select format('counters that do not say what the rows say: %%s', m), b.id
from batches b cross join lateral (
    select count(*) filter (where how in {_OPEN}) as pending, count(*) filter (where how = 'failed') as failed,
           count(*) filter (where how = 'cancelled') as cancelled, count(*) as total
    from (select counts_as(state, reason) as how from jobs where batch_id = b.id
          union all select was from moved where batch = b.id and became = 'forgotten') members
) m where (b.pending, b.failed, b.cancelled, b.total) <> (m.pending, m.failed, m.cancelled, m.total)
union all
select 'over while members are open, or not over', id from batches b
where (b.pending = 0) <> (b.finished_at is not null) and total > 0
union all
select 'a callback was not called', j.id
from batches b join jobs j on j.id in (b.then_id, b.catch_id, b.finally_id)
where j.state = 'cancelled' and j.reason = '{_ENDED_WITHOUT}' and b.finished_at is not null and {_BEGUN}
and (j.id = b.then_id and b.failed = 0 and b.cancelled = 0 or j.id = b.catch_id and b.failed > 0 or j.id = b.finally_id)
union all
select 'waits for its chain, which does not go on', l.id from jobs l
where l.state = 'blocked' and l.link > 0 and not (l.name = 'begin_batch' and l.attempt > 0)
      and not exists (select 1 from jobs b where b.chain_id = l.chain_id and b.link < l.link and b.state in {_OPEN})
union all
select 'waits for its batch, which is over', j.id from batches b
join jobs j on j.id = b.next_id and j.attempt > 0 or j.id in (b.then_id, b.catch_id, b.finally_id)
where j.state = 'blocked' and (b.finished_at is not null or j.id = b.catch_id and b.failed > 0)
union all
select 'waits for a batch whose turn never comes', j.id
from batches b join jobs j on j.batch_id = b.id and coalesce(j.link, 0) = 0
                              or j.id in (b.then_id, b.catch_id, b.finally_id) and b.pending = 0
where j.state = 'blocked' and not (j.name = 'begin_batch' and j.attempt > 0) and not {_ENDING} and not exists (
    select 1 from jobs where id = b.next_id and state in {_OPEN} and not (state = 'blocked' and attempt > 0))
union all
select 'stays aside for nobody', j.id from jobs j
where j.state = 'scheduled' and j.available_at = {ASIDE} and not exists (
    select 1 from jobs o where o.serial_key = j.serial_key and o.state in ('scheduled', 'queued', 'running')
    and o.available_at < {ASIDE})
union all
select 'goes on though its chain was undone', l.id
from jobs l join chains c on c.id = l.chain_id and c.undone_at is not null where l.state in {_OPEN}
"""

#: What must be so when all is quiet.
IN_THE_END = f"""
select 'still open' as breach, id from jobs where state in {_OPEN}
union all
select 'a batch that never ends', id from batches where finished_at is null
union all
select 'not undone', c.id from chains c where undone_at is null and ended_reason not in ('{NO}', '{TOO_LATE}')
and exists (select 1 from jobs where chain_id = c.id and undo is not null
            and (state = 'succeeded' or name = 'begin_batch' and attempt > 0))
"""
