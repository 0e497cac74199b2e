"""Every statement by which operators change jobs. The rows are locked first, by id; their batches after them."""

from shared.jobs.sql import ASIDE

_CHANGED = """
id, name, args, queue, attempt, state, reason, chain_id, link, batch_id, serial_key, available_at, worker, started_at,
event_id, aggregate_id, traceparent
"""

LOCK = f"select {_CHANGED} from jobs where id = any(%s) order by id for update"

# A chain is cancelled as a whole: with any of its links, that one which is on. (Not locked is the link that a batch is
# which runs: whoever ends that locks the batch first, then its link. And what ends others that were cancelled is itself
# not to be cancelled: they would wait for ever.)
LOCK_WITH_CHAINS = f"""
select {_CHANGED} from jobs
where (state <> 'blocked' or attempt = 0) and name not in ('end_cancelled_batch', 'undo_cancelled_chain')
and id = any(array(
    select unnest(%(ids)s::uuid[]) union
    select id from jobs where state in ('scheduled', 'queued', 'running') and chain_id = any(array(
        select chain_id from jobs where id = any(%(ids)s) and chain_id is not null
        and state in ('blocked', 'scheduled', 'queued', 'running')))
)) order by id for update
"""

# A job that starts anew has all its tries again. What it did before stays in its attempts.
RETRY = """
update jobs set state = 'scheduled', available_at = clock_timestamp(), failures = 0, lost = 0, retry_until = null,
                finished_at = null, reason = %(reason)s, error = null, progress = null
where id = %(id)s
"""
# A batch's callback that has not begun: it is the batch that calls it.
LOCK_BATCH_THAT_CALLS = "select id from batches where %s in (then_id, catch_id, finally_id) for no key update"
BLOCK = "update jobs set state = 'blocked', finished_at = null, reason = null where id = %s"

REFUSED_AS_DOUBLE = """
select 1 from jobs mine join jobs other on other.unique_key = mine.unique_key and other.id <> mine.id
where mine.id = %s and other.state in ('blocked', 'scheduled', 'queued', 'running')
"""
CHAIN = "select undone_at, ended_reason from chains where id = %s for update"
LINK_BEFORE = "select state from jobs where chain_id = %s and link = %s - 1"
FORGOTTEN_LINK = """
select 1 from jobs l where chain_id = %s and link >= %s and next_id is not null
and not exists (select 1 from jobs where id = l.next_id)
"""
BLOCK_REST_AGAIN = """
update jobs set state = 'blocked', finished_at = null, reason = null
where chain_id = %(chain)s and link > %(link)s and state = 'cancelled' returning id, name, args
"""
REOPEN_CHAIN = "update chains set ended_reason = null where id = %s"

# A running one too: its worker finds out, kills what it has started, and cannot write any more.
CANCEL = """
with ended as (
    update jobs set state = 'cancelled', finished_at = clock_timestamp(), lease_until = null, reason = %(reason)s
    where id = %(id)s and state in ('blocked', 'scheduled', 'queued', 'running') returning id
), kept as (
    insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error)
    select id, %(attempt)s, %(worker)s, %(due)s, %(started)s, 'cancelled', %(reason)s from ended where %(running)s
)
select id from ended
"""

# Links that are batches, which run: some themselves, and those of some chains.
BATCHES_THAT_RUN = """
select id, args from jobs
where (id = any(%(ids)s::uuid[]) or chain_id = any(%(chains)s::uuid[]))
      and state = 'blocked' and attempt > 0 and name = 'begin_batch'
"""

# (Not what waits for its turn: no time brings that.)
RUN_NOW = f"""
update jobs set available_at = clock_timestamp(), reason = null
where id = any(%s) and state = 'scheduled' and available_at > clock_timestamp() and available_at < {ASIDE} returning id
"""

# While a chain goes on its finished links stay: if a later one fails, they are undone.
FORGET = """
delete from jobs where id = any(%s) and state in ('succeeded', 'failed', 'cancelled')
and not exists (select 1 from jobs l where l.chain_id = jobs.chain_id
                and l.state in ('blocked', 'scheduled', 'queued', 'running')) returning id
"""

# --- queues -----------------------------------------------------------------------------------------------------------

# No claim may straddle the pause: this waits for those that are under way, and those that come wait for it.
LOCK_PAUSES = "lock table paused_queues in access exclusive mode"
PAUSE = """
insert into paused_queues (queue, paused_by, reason) values (%(queue)s, %(by)s, %(reason)s)
on conflict (queue) do update set paused_by = excluded.paused_by, reason = excluded.reason
"""
RESUME = "delete from paused_queues where queue = %s returning queue"
