"""The same with a million finished and a hundred thousand waiting jobs, while somebody holds a transaction open."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import psycopg

from benchmarks import noop
from benchmarks.figures import Figure, percentile
from benchmarks.ground import Ground
from benchmarks.latency import dispatch_to_start
from benchmarks.plans import plans

WAITING = 100_000
HELD = 60.0  # seconds

# Half of them wait for tomorrow; the other half is due, in a queue that no unit works for.
WAIT = f"""
insert into jobs (id, name, queue, args, available_at)
select gen_random_uuid(), 'do_nothing', case when n % 2 = 0 then 'default' else 'reports' end, '[]',
       now() + case when n % 2 = 0 then interval '1 day' else interval '-1 hour' end
from generate_series(1, {WAITING}) n
"""


def run(ground: Ground) -> Iterator[Figure]:
    crowded = ground.database()
    with ground.living(crowded) as connection:
        noop.live_through(connection)
        connection.execute(WAIT)
        connection.execute("vacuum analyze")
    plain = [noop.ledger(ground)[0] for _ in range(2)]
    stock = [noop.stock(ground)[0] for _ in range(2)]
    with holding(crowded):
        began = time.monotonic()
        rates: list[float] = []
        while time.monotonic() - began < HELD or len(rates) < 3:
            rates.append(noop.ledger(ground, crowded)[0])
        took = dispatch_to_start(ground, crowded)
        with ground.living(crowded) as connection:
            plans(connection)
    plain.append(noop.ledger(ground)[0])
    stock.append(noop.stock(ground)[0])
    note = f"{rates[0]:,.0f} at first, {rates[-1]:,.0f} after {HELD:.0f} s"
    yield Figure("the ledger, crowded", median(rates), "jobs/s", note=note)
    yield Figure("crowded / with nothing else in it", rates[-1] / median(plain), "x", aim=0.9)
    yield Figure("crowded / stock Dramatiq", rates[-1] / median(stock), "x", aim=0.6)
    yield Figure("dispatch → start, crowded, p50", percentile(took, 0.5) * 1000, "ms", aim=15, wanted="at most")
    yield Figure("dispatch → start, crowded, p99", percentile(took, 0.99) * 1000, "ms", aim=60, wanted="at most")


@contextmanager
def holding(database_url: str) -> Iterator[None]:
    """Hold a transaction open that has a snapshot and an id of its own: nothing that dies meanwhile can be removed."""
    with psycopg.connect(database_url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("select pg_current_xact_id()")
        yield
