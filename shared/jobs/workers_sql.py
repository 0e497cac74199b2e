"""The statements by which worker processes announce themselves, are seen, and are forgotten."""

ANNOUNCE = """
insert into workers (id, unit, host, pid, queues, threads)
values (%(id)s, %(unit)s, %(host)s, %(pid)s, %(queues)s, %(threads)s)
"""
SEEN = "update workers set seen_at = clock_timestamp() where id = %s"
GONE = "delete from workers where id = %s"
PREDECESSORS = "select id, pid from workers where unit = %s and host = %s and id <> %s"
FORGET_SILENT = "delete from workers where seen_at < clock_timestamp() - interval '1 day'"

THREADS = """
select queue, sum(threads)::int as threads from workers cross join lateral unnest(queues) as queue
where seen_at > clock_timestamp() - interval '15 s' group by queue
"""
