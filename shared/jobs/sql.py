"""Every statement of the job ledger. Each move names the state it leaves: a move that finds no row is a duplicate."""

# A row that is known by its id must be found by its id. As a plain comparison the state would let the planner go by the
# partial index of that state, with all that has left it since the last vacuum: measured, 220 us a finish instead of 70.
_IS_QUEUED = "state || '' = 'queued'"
_IS_RUNNING = "state || '' = 'running'"
_IS_BLOCKED = "state || '' = 'blocked'"

# With the `or` it is asked of members alone, by their batch's key; without, PostgreSQL joins all cancelled batches.
_MAY_START = """
(jobs.batch_id is null or not exists (
    select 1 from batches b where b.id = jobs.batch_id and b.cancelled_at is not null))
""".strip()

#: A due time that never comes, for a job that waits until another calls it. (No `infinity`: Python has none.)
ASIDE = "timestamptz '9000-01-01 00:00:00+00'"

INSERT = """
insert into jobs (id, name, queue, args, state, priority, available_at, tries, retry_seconds, chain_id, link, next_id,
                  undo, batch_id, event_id, parent_id, aggregate_id, unique_key, serial_key, tags, traceparent)
select r.id, r.name, r.queue, r.args, coalesce(r.state, 'scheduled'), r.priority,
       clock_timestamp() + make_interval(secs => r.delay), r.tries,
       r.retry_seconds, r.chain_id, r.link, r.next_id, r.undo, r.batch_id,
       coalesce(r.event_id, %(event)s), %(job)s, coalesce(r.aggregate_id, %(aggregate)s, r.subject_id),
       r.unique_key, r.serial_key,
       coalesce((select array_agg(t) from jsonb_array_elements_text(r.tags) t), '{}'),
       coalesce(r.traceparent, %(trace)s)
from jsonb_to_recordset(%(rows)s::jsonb) as r(
    id uuid, name text, queue text, args jsonb, state text, priority smallint, delay float8, tries int,
    retry_seconds float8, chain_id uuid, link int, next_id uuid, undo text, batch_id uuid, event_id uuid,
    aggregate_id uuid, subject_id uuid, unique_key text, serial_key text, tags jsonb, traceparent text)
on conflict (unique_key)
    where unique_key is not null and state in ('blocked', 'scheduled', 'queued', 'running') do nothing
"""
INSERT_AND_TELL = f"{INSERT} returning id"

INSERT_CHAINS = """
insert into chains (id, name) select r.id, r.name from jsonb_to_recordset(%s::jsonb) as r(id uuid, name text)
"""

# --- hand-over: the relay -------------------------------------------------------------------------------------------

# A step from one (queue, priority) to the next: a hundred thousand rows that are not due yet cost nothing.
WAITING = """
with recursive waiting(queue, priority) as (
    (select queue, priority from jobs where state = 'scheduled' order by queue, priority limit 1)
    union all
    select n.queue, n.priority from waiting w cross join lateral (
        select queue, priority from jobs
        where state = 'scheduled' and (queue, priority) > (w.queue, w.priority) order by queue, priority limit 1
    ) n
)
select queue, priority from waiting
"""

# What a job waits for that has `d`'s serial key: one that is under way, or an earlier one that is due or was tried
# before. A delayed one does not hold the line until it is due.
_AHEAD = f"""
    from jobs o where o.serial_key = d.serial_key and o.id <> d.id
    and o.state in ('scheduled', 'queued', 'running') and (o.state <> 'scheduled' or o.id < d.id
        and (o.attempt > 0 or o.available_at <= clock_timestamp() or o.available_at = {ASIDE}))
"""

# Of jobs with the same serial key one is under way at a time, in their order. The others are put aside until one ends
# and calls the next: with that one's row locked, so that it cannot end unseen; where its worker has locked it, ending,
# the job stays where it is for a turn. One that waits itself, for a later one that is tried again, is called.
# While somebody holds a transaction open, whatever was due since then stays in the index, dead: a look begins where the
# last one ended, or a second ago. (The moment is the statement's, which is the same for all rows: an index knows it.)
HAND_OVER = f"""
with due as (
    select j.id, j.serial_key, q.room,
           row_number() over (partition by q.name order by q.priority, j.available_at, j.id) as place
    from unnest(%(queues)s::text[], %(priorities)s::smallint[], %(rooms)s::int[], %(since)s::timestamptz[])
        as q(name, priority, room, since)
    cross join lateral (
        select id, available_at, serial_key from jobs
        where state = 'scheduled' and queue = q.name and priority = q.priority
              and available_at <= statement_timestamp()
              and available_at >= least(q.since, statement_timestamp() - interval '1 s')
              and {_MAY_START}
        order by available_at, id limit q.room for update skip locked
    ) j
    where not exists (select 1 from paused_queues p where p.queue = q.name)
), early as materialized (
    select d.id, coalesce(
        (select o.id {_AHEAD} and o.available_at < {ASIDE} order by o.id limit 1 for no key update skip locked),
        (select o.id {_AHEAD} and o.available_at = {ASIDE} order by o.id limit 1 for no key update skip locked)) as held
    from due d where d.serial_key is not null and exists (select 1 {_AHEAD})
), called as (
    update jobs set available_at = clock_timestamp(), reason = null
    where id = any(array(select held from early)) and available_at = {ASIDE}
), aside as (
    update jobs set available_at = {ASIDE}, reason = 'waits for its turn'
    where id = any(array(select id from early where held is not null))
    returning id, queue, priority, available_at
), handed as (
    update jobs set state = 'queued', queued_at = clock_timestamp(), handovers = handovers + 1, reason = null
    where id = any(array(select id from due where place <= room and id not in (select id from early)))
    returning id, queue, priority, available_at
)
select *, true as goes from handed union all select *, false from aside
"""

# The row of the one that has ended is changed before: nothing can be put aside because of it any more.
CALL_NEXT = f"""
update jobs set available_at = clock_timestamp(), reason = null
where id = (
    select id from jobs where serial_key = %(key)s and state = 'scheduled' and available_at = {ASIDE}
    order by id limit 1 for update
)
"""

TAKE_BACK = f"""
update jobs set state = 'scheduled', queued_at = null where {_IS_QUEUED} and id = any(%s)
"""

TAKE_BACK_FOR = f"""
update jobs set state = 'scheduled', queued_at = null,
                available_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where {_IS_QUEUED} and id = any(%(ids)s)
"""

LONG_QUEUED = """
select id, queue, handovers from jobs
where state = 'queued' and queued_at < statement_timestamp() - make_interval(secs => %s) limit 5000
"""

# --- an attempt: the worker -----------------------------------------------------------------------------------------

_CLAIM = f"""
update jobs set state = 'running', attempt = attempt + 1, worker = %(worker)s, started_at = clock_timestamp(),
                lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
                retry_until = coalesce(retry_until, clock_timestamp() + make_interval(secs => retry_seconds)),
                progress = null
where id = any(%(ids)s) and {_IS_QUEUED} {{alone}}
  and not exists (select 1 from paused_queues p where p.queue = jobs.queue)
  and {_MAY_START}
returning id, name, args, queue, attempt, failures, lost, tries, retry_until, chain_id, event_id, aggregate_id,
          traceparent, next_id, batch_id, serial_key, available_at
"""
CLAIM = _CLAIM.format(alone="and lost = 0")  # as many as there are free threads
CLAIM_ALONE = _CLAIM.format(alone="")  # a row that has lost a lease may be killing its workers: no neighbours

# (Members of a cancelled batch stay as they are: their end is on its way.)
UNCLAIMED = f"""
select id, exists (select 1 from paused_queues p where p.queue = jobs.queue) as paused
from jobs where id = any(%s) and {_IS_QUEUED}
  and {_MAY_START}
"""

# What is locked is just being finished: waiting for it, with the others' leases locked, would make those wait too.
HEARTBEAT = f"""
with mine as (
    select jobs.id from unnest(%(ids)s::uuid[], %(attempts)s::int[]) as held(id, attempt)
    join jobs on jobs.id = held.id and jobs.attempt = held.attempt
    where {_IS_RUNNING} for no key update of jobs skip locked
)
update jobs set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
where id = any(array(select id from mine))
"""

FENCE = f"""
with held as (
    update jobs set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
    where id = %(id)s and attempt = %(attempt)s and {_IS_RUNNING} returning 1
)
select fenced() where not exists (select 1 from held)
"""

#: When a job whose turn comes is due: its delay counts from then.
IN_TURN = "clock_timestamp() + greatest(available_at - created_at, interval '0')"

_FINISH = f"""
with done as (
    update jobs set state = 'succeeded', finished_at = clock_timestamp(), lease_until = null, reason = %(reason)s
    where id = %(id)s and attempt = %(attempt)s and {_IS_RUNNING}
    returning id, attempt, worker, available_at, started_at, finished_at, next_id
), kept as (
    insert into job_attempts (job_id, attempt, worker, due_at, started_at, finished_at, outcome)
    select id, attempt, worker, available_at, started_at, finished_at, 'succeeded' from done
), freed as (
    update jobs set state = 'scheduled', available_at = {IN_TURN}
    where id = (select next_id from done) and {_IS_BLOCKED} {{goes_on}}
)
select fenced() where not exists (select 1 from done)
"""
FINISH = _FINISH.format(goes_on="")
FINISH_THE_LAST = _FINISH.format(goes_on="and false")  # the rest of its chain is not wanted

CANCEL_REST = """
with ended as (update chains set ended_reason = %(reason)s where id = %(chain)s and ended_reason is null)
update jobs set state = 'cancelled', finished_at = clock_timestamp(), reason = %(reason)s
where chain_id = %(chain)s and state = 'blocked' returning id, name, args
"""
CHAIN_IS_OVER = "select 1 from chains where id = %s and ended_reason is not null"

# A unique job that is so only until it starts.
NO_LONGER_UNIQUE = f"update jobs set unique_key = null where id = %s and attempt = %s and {_IS_RUNNING}"

PROGRESS = f"""
update jobs set progress = %(percent)s
where id = %(id)s and attempt = %(attempt)s and {_IS_RUNNING} and progress is distinct from %(percent)s
"""

# --- an attempt that did not succeed --------------------------------------------------------------------------------

_ENDED = f"""
with ended as (
    update jobs set {{change}}, lease_until = null
    where id = %(id)s and attempt = %(attempt)s and {_IS_RUNNING}
    returning id, attempt, worker, started_at
), kept as (
    insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error, detail)
    select id, attempt, worker, %(due)s, started_at, '{{outcome}}', %(error)s, %(detail)s from ended
)
select fenced() where not exists (select 1 from ended)
"""
_WAITS = "state = 'scheduled', available_at = clock_timestamp() + make_interval(secs => %(seconds)s)"

# An attempt that came to its end did not kill its worker: the job is no suspect any more.
RETRY = _ENDED.format(
    change=f"{_WAITS}, failures = failures + 1, lost = 0, error = %(error)s, reason = 'retrying'", outcome="failed"
)
WAIT = _ENDED.format(
    change="state = 'blocked', deferrals = deferrals + 1, lost = 0, reason = %(error)s", outcome="released"
)
CANCELLED = _ENDED.format(
    change="state = 'cancelled', error = null, reason = %(error)s, finished_at = clock_timestamp()", outcome="cancelled"
)
RELEASE = _ENDED.format(change=f"{_WAITS}, deferrals = deferrals + 1, lost = 0, reason = %(error)s", outcome="released")
FAIL = _ENDED.format(
    change="state = 'failed', failures = failures + 1, error = %(error)s, reason = null, "
    "finished_at = clock_timestamp()",
    outcome="failed",
)

GIVE_BACK = """
with ended as (
    update jobs set state = 'scheduled', available_at = clock_timestamp(), lease_until = null, reason = %(error)s
    from jobs as before
    where jobs.worker = %(worker)s and jobs.state = 'running' and jobs.id = any(%(ids)s) and before.id = jobs.id
    returning jobs.id, jobs.attempt, jobs.worker, before.available_at, jobs.started_at
)
insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error)
select id, attempt, worker, available_at, started_at, 'released', %(error)s from ended
"""

# Of what a worker runs: what it may not finish any more, because it was cancelled or another has it.
TAKEN_AWAY = f"""
select held.id, held.attempt, coalesce(jobs.state, 'forgotten') as state
from unnest(%(ids)s::uuid[], %(attempts)s::int[]) as held(id, attempt) left join jobs on jobs.id = held.id
where jobs.id is null or jobs.attempt <> held.attempt or not ({_IS_RUNNING})
"""

# --- what is found lying about: the reaper --------------------------------------------------------------------------

_OF_A_LOST_ATTEMPT = """
id, name, args, attempt, worker, available_at, started_at, lost, chain_id, next_id, batch_id, serial_key, event_id,
aggregate_id, traceparent
"""
EXPIRED = f"""
select {_OF_A_LOST_ATTEMPT} from jobs
where state = 'running' and lease_until < statement_timestamp() order by id limit 200 for update skip locked
"""
OF_PREDECESSOR = f"""
select {_OF_A_LOST_ATTEMPT} from jobs
where state = 'running' and worker = any(%s) order by id limit 1000 for update skip locked
"""

LOST = f"""
with ended as (
    update jobs set state = 'scheduled', available_at = clock_timestamp(), lost = lost + 1, lease_until = null,
                    reason = 'its worker died'
    where id = %(id)s and attempt = %(attempt)s and {_IS_RUNNING} returning id, attempt, worker, started_at
)
insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error)
select id, attempt, worker, %(due)s, started_at, 'lost', %(error)s from ended
"""
LOST_TOO_OFTEN = f"""
with ended as (
    update jobs set state = 'failed', lost = lost + 1, lease_until = null, error = %(error)s, reason = null,
                    finished_at = clock_timestamp()
    where id = %(id)s and attempt = %(attempt)s and {_IS_RUNNING} returning id, attempt, worker, started_at
)
insert into job_attempts (job_id, attempt, worker, due_at, started_at, outcome, error)
select id, attempt, worker, %(due)s, started_at, 'lost', %(error)s from ended
"""

# --- a chain that failed --------------------------------------------------------------------------------------------

# (Of a batch, some members may have succeeded.)
UNDOABLE = """
select name, queue, args, undo, event_id, aggregate_id, traceparent from jobs
where chain_id = %s and (state = 'succeeded' or name = 'begin_batch' and attempt > 0) and undo is not null
order by link desc
"""
CHAIN_UNDONE = """
update chains set undone_at = clock_timestamp(), undone_by = %(by)s
where id = %(chain)s and undone_at is null returning id
"""
