"""The figures in SQL: what waits and runs, by open rows, and how it went, by attempts; of both so many and no more."""

from shared.jobs.sql import ASIDE

AT_MOST = 10_000  # rows of each kind that are looked at: more would not change what anybody does

# For one transaction: the indices give the first rows at once, however many there are. Other plans read all of them.
BY_INDEX = """
select set_config('enable_bitmapscan', 'off', true) as bitmaps, set_config('enable_seqscan', 'off', true) as tables,
       set_config('jit', 'off', true) as compiler
"""

# `statement_timestamp()` does not move within a statement, as `clock_timestamp()` does, and so an index finds by it.
_NOW = "statement_timestamp()"

# A step from one (queue, priority) to the next, as in the hand-over; within each, the index gives the oldest first.
# Whoever waits for a message to be taken, `queued`, waits like those that are due.
OPEN = f"""
with recursive steps(queue, priority) as (
    (select queue, priority from jobs where state = 'scheduled' order by queue, priority limit 1)
    union all
    select n.queue, n.priority from steps s cross join lateral (
        select queue, priority from jobs
        where state = 'scheduled' and (queue, priority) > (s.queue, s.priority) order by queue, priority limit 1
    ) n
), seen as (
    select s.queue, j.* from steps s cross join lateral (
        (select name, 'waiting' as what, available_at as since from jobs
         where state = 'scheduled' and queue = s.queue and priority = s.priority and available_at <= {_NOW}
         order by available_at limit {AT_MOST})
        union all
        (select name, 'delayed', null from jobs
         where state = 'scheduled' and queue = s.queue and priority = s.priority
               and available_at > {_NOW} and available_at < {ASIDE}
         order by available_at limit {AT_MOST})
        union all
        (select name, 'aside', null from jobs
         where state = 'scheduled' and queue = s.queue and priority = s.priority and available_at = {ASIDE}
         limit {AT_MOST})
    ) j
    union all
    (select queue, name, 'waiting', available_at from jobs where state = 'queued' limit {AT_MOST})
    union all
    (select queue, name, 'running', started_at from jobs where state = 'running' limit {AT_MOST})
    union all
    (select queue, name, 'blocked', null from jobs where state = 'blocked' limit {AT_MOST})
)
select queue, name, what, count(*) as number, extract(epoch from {_NOW} - min(since))::float8 as age
from seen group by queue, name, what
"""

# The newest attempts of the window. A failed one and one whose worker died count as failures; a release is neither.
# `offset 0` has each one's job looked up; the planner would rather read all the jobs that ever were.
ENDED = f"""
with recent as materialized (
    select job_id, outcome, started_at - due_at as wait, finished_at - started_at as run, finished_at
    from job_attempts where finished_at > {_NOW} - make_interval(secs => %(window)s)
    order by finished_at desc limit {AT_MOST}
)
select j.queue, j.name, grouping(j.queue, j.name) as kind, count(*) as attempts,
       count(*) filter (where outcome = 'succeeded') as succeeded,
       count(*) filter (where outcome = 'failed') as failed,
       count(*) filter (where outcome = 'lost') as lost,
       count(*) filter (where outcome = 'released') as released,
       percentile_cont(%(points)s::float8[]) within group (order by extract(epoch from wait)::float8) as wait,
       percentile_cont(%(points)s::float8[]) within group (order by extract(epoch from run)::float8)
           filter (where outcome in ('succeeded', 'failed')) as run,
       extract(epoch from {_NOW} - min(finished_at))::float8 as reaches
from recent r cross join lateral (select queue, name from jobs where id = r.job_id offset 0) j
group by grouping sets ((j.queue), (j.name), ())
"""
OF_QUEUE, OF_NAME = 1, 2  # what `grouping` says of a row; the one that is left is of all

QUEUES = """
select queue, coalesce(sum(threads), 0)::int as threads, bool_or(paused) as paused from (
    select unnest(queues) as queue, threads, false as paused from workers
    where seen_at > clock_timestamp() - interval '15 s'
    union all
    select queue, 0, true from paused_queues
) known group by queue
"""
