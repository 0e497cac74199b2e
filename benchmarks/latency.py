"""How long until it starts: one job on an idle system, an order at half of what the system can drain."""

import time
from collections.abc import Iterator

from benchmarks import jobs
from benchmarks.drain import addresses, drained, workers
from benchmarks.figures import Figure, percentile
from benchmarks.ground import Crew, Ground, wait_until
from benchmarks.shop import Shop
from shared.db.engine import Connection
from shared.db.transaction import transaction
from shared.nudge import nudge

DISPATCHES, PAUSE = 200, 0.05
IDLE = 10.0  # seconds
MEASURED = 200  # orders to find out how much it can drain
LOADED = 20.0  # seconds

ASLEEP = "select count(*) >= 2 from workers"
NOTED = "select started - asked from starts"
TO_CONFIRMED = """
select extract(epoch from e.occurred_at - o.placed_at)::float8 as seconds
from orders o join events e on e.aggregate_id = o.id and e.name = 'OrderConfirmed'
"""


def run(ground: Ground) -> Iterator[Figure]:
    yield from idle(ground)
    full, _ = drained(ground, MEASURED, everything=True)
    took, rate = placed_to_confirmed(ground, full / 2)
    yield Figure("load: half of the drained orders", rate, "orders/s", note="everything on")
    yield Figure("placed → confirmed, p50", percentile(took, 0.5) * 1000, "ms")
    yield Figure("placed → confirmed, p99", percentile(took, 0.99) * 1000, "ms")


def idle(ground: Ground) -> Iterator[Figure]:
    """Dispatch now and then; then do nothing for a while and see what that costs."""
    with ground.living() as connection, workers(ground, everything=False) as crew:
        took = _starts(connection, crew)
        crew.zero()
        time.sleep(IDLE)
        cpu = crew.cpu()
    yield Figure("dispatch → start, idle, p50", percentile(took, 0.5) * 1000, "ms", aim=15, wanted="at most")
    yield Figure("dispatch → start, idle, p99", percentile(took, 0.99) * 1000, "ms", aim=60, wanted="at most")
    ours = (cpu["relay"] + cpu["worker"]) / IDLE * 100
    note = f"PostgreSQL {cpu['PostgreSQL'] / IDLE * 100:.1f}, Redis {cpu['Redis'] / IDLE * 100:.1f}"
    yield Figure("relay and 2 units, idle", ours, "% of a core", aim=3, wanted="at most", note=note)


def dispatch_to_start(ground: Ground, database: str) -> list[float]:
    """Return the seconds from dispatch to start of jobs that come now and then, in a database as it is."""
    with ground.living(database) as connection, workers(ground, everything=False) as crew:
        return _starts(connection, crew)


def _starts(connection: Connection, crew: Crew) -> list[float]:
    connection.execute(jobs.STARTS)
    wait_for_units(connection, crew)
    for _ in range(DISPATCHES):
        with transaction(connection) as tx:
            jobs.note_start.dispatch(tx, time.time())
        nudge()
        time.sleep(PAUSE)
    wait_until(crew, lambda: len(connection.execute(NOTED).fetchall()) == DISPATCHES)
    return [row[0] for row in connection.execute(NOTED)]


def placed_to_confirmed(ground: Ground, rate: float) -> tuple[list[float], float]:
    """Place orders at that rate for a while; return how long each took, and the rate that it was."""
    with ground.living(**addresses()) as connection, workers(ground, everything=True) as crew:
        shop = Shop(connection)
        wait_for_units(connection, crew)
        placed, began = 0, time.monotonic()
        while (passed := time.monotonic() - began) < LOADED:
            if placed < passed * rate:
                shop.place(1)
                nudge()
                placed += 1
            else:
                time.sleep(0.002)
        wait_until(crew, lambda: len(connection.execute(TO_CONFIRMED).fetchall()) == placed)
        return [row[0] for row in connection.execute(TO_CONFIRMED)], placed / LOADED


def wait_for_units(connection: Connection, crew: Crew) -> None:
    """Wait until the units are there, and the first job of each kind of thing has been done."""
    wait_until(crew, lambda: (connection.execute(ASLEEP).fetchone() or [False])[0])
    time.sleep(1)  # nothing to wait for: let it become idle
