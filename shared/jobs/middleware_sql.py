"""Every statement of the middleware: locks, rates, circuit breakers, and when their rows are forgotten."""

from shared.db.sql import pruning

# --- locks ----------------------------------------------------------------------------------------------------------

#: While this is held, whoever else takes the lock is either seen with its attempt, or still waits here.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"

# The state is compared as an expression so that the row is found by its id; see shared/jobs/sql.py.
_ITS_HOLDER_RUNS = """
exists (select 1 from jobs
        where jobs.id = job_locks.job_id and jobs.attempt = job_locks.attempt and jobs.state || '' = 'running')
"""

#: A run that PostgreSQL asked to be made again takes what it has already.
TAKE_LOCK = f"""
insert into job_locks (key, job_id, attempt) values (%(key)s, %(id)s, %(attempt)s)
on conflict (key) do update
    set job_id = excluded.job_id, attempt = excluded.attempt, taken_at = excluded.taken_at
    where (job_locks.job_id, job_locks.attempt) = (excluded.job_id, excluded.attempt) or not {_ITS_HOLDER_RUNS}
returning key
"""

HOLDER = """
select job_locks.job_id as id, jobs.name from job_locks left join jobs on jobs.id = job_locks.job_id
where job_locks.key = %s
"""

# --- rates ----------------------------------------------------------------------------------------------------------

#: Makes the rows that are missing and locks the others without writing them, in the order of the keys given.
HOLD_RATES = """
insert into job_rates (key) select key from unnest(%s::text[]) as key
on conflict (key) do update set key = excluded.key where false
"""

READ_RATES = """
select key, full_at, line_until, (select clock_timestamp()) as now from job_rates where key = any(%s)
"""

WRITE_RATES = """
update job_rates set full_at = used.full_at, line_until = used.line_until
from unnest(%(keys)s::text[], %(full)s::timestamptz[], %(lines)s::timestamptz[]) as used(key, full_at, line_until)
where job_rates.key = used.key
"""

# --- circuit breakers -----------------------------------------------------------------------------------------------

BREAKER = """
select failures, extract(epoch from open_until - clock_timestamp())::float8 as wait from job_breakers where key = %s
"""

#: Of all that come when the rest is over, one gets a row back.
TRY_ONCE = """
update job_breakers set open_until = clock_timestamp() + make_interval(secs => %(trial)s)
where key = %(key)s and open_until <= clock_timestamp() returning key
"""

#: The one that was let through came to nothing: the next may try.
NOT_TRIED = "update job_breakers set open_until = clock_timestamp() where key = %s and open_until is not null"

_IN_A_ROW = """
case when job_breakers.open_until is null
          and job_breakers.failed_at < clock_timestamp() - make_interval(secs => %(within)s) then 1
     else job_breakers.failures + 1 end
"""
_REST = "clock_timestamp() + make_interval(secs => %(rest)s)"

ANOTHER_FAILURE = f"""
insert into job_breakers (key, failures, open_until) values (%(key)s, 1, case when %(times)s <= 1 then {_REST} end)
on conflict (key) do update set
    failures = {_IN_A_ROW}, failed_at = clock_timestamp(),
    open_until = case when {_IN_A_ROW} >= %(times)s then {_REST} end
returning failures, open_until
"""

CLOSE = "delete from job_breakers where key = %s"

# --- batches --------------------------------------------------------------------------------------------------------

CANCELLED_BATCH = "select cancelled_because as why from batches where id = %s and cancelled_at is not null"

# --- what may be forgotten ------------------------------------------------------------------------------------------

PRUNE_LOCKS = f"""
with old as (
    select key from job_locks
    where taken_at < clock_timestamp() - interval '1 hour' and not {_ITS_HOLDER_RUNS}
    limit {pruning.BATCH} for update skip locked
), gone as (
    delete from job_locks where key in (select key from old) returning 1
)
select count(*) as n from gone
"""
PRUNE_RATES = pruning.old("job_rates", "key", "full_at", "1 hour")
PRUNE_BREAKERS = pruning.old("job_breakers", "key", "failed_at", "1 day")
