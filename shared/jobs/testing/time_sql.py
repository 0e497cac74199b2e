"""The statements by which a test lets time pass, and asks what is due next and how an attempt ended."""

from shared.jobs import sql

#: An hour later every moment that is waited for is an hour nearer.
PASS = (
    f"""
    update jobs set available_at = available_at - %(passed)s, retry_until = retry_until - %(passed)s
    where state = 'scheduled' and available_at < {sql.ASIDE}
    """,
    "update job_rates set full_at = full_at - %(passed)s, line_until = line_until - %(passed)s",
    "update job_breakers set open_until = open_until - %(passed)s, failed_at = failed_at - %(passed)s",
)

NEXT_MOMENT = f"""
select greatest(available_at - clock_timestamp(), '0') as away from jobs
where state = 'scheduled' and available_at > %(since)s and available_at < {sql.ASIDE}
      and (%(queues)s::text[] is null or queue = any(%(queues)s))
      and queue not in (select queue from paused_queues)
order by available_at limit 1
"""

TRIED_NEED_NOT_WAIT = f"""
update jobs set available_at = clock_timestamp()
where state = 'scheduled' and failures + deferrals + lost > 0
      and available_at > clock_timestamp() and available_at < {sql.ASIDE}
"""

HOW_IT_ENDED = "select outcome, error from job_attempts where job_id = %s and attempt = %s"
