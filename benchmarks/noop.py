"""A job that does nothing, through the whole ledger, beside the same through Dramatiq as it comes."""

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from redis import Redis

from benchmarks.figures import Figure, alternate, ratio
from benchmarks.ground import Crew, Ground, wait_until
from benchmarks.jobs import do_nothing
from shared.db.engine import Connection
from shared.db.transaction import transaction
from shared.jobs.job import dispatch_all

JOBS = 8_000
ROUNDS = 3
UNITS, THREADS = 2, 8
RAISED = 500  # messages in Redis for each thread, instead of 2
FINISHED = 1_000_000

# Asked often, and so of the attempts: nothing that is there is ever changed, whoever holds a transaction open.
BEGUN = "select exists (select from job_attempts where finished_at > %s)"
OVER = "select count(*) >= %s from job_attempts where finished_at > %s"
CLOCK = """
select extract(epoch from max(finished_at) - min(started_at))::float8 as seconds, count(*) as jobs
from jobs where state = 'succeeded' and created_at > %s
"""
LIVED = """
insert into jobs (id, name, queue, args, state, priority, attempt, created_at, queued_at, started_at, finished_at)
select gen_random_uuid(), 'do_nothing', 'default', '[]', 'succeeded', 0, 1, t, t, t, t
from (select now() - '1 day'::interval - n * '1 ms'::interval as t from generate_series(1, %s) n) as times
"""
ATTEMPTS = """
insert into job_attempts (job_id, attempt, started_at, finished_at, outcome)
select id, 1, started_at, finished_at, 'succeeded' from jobs
"""
NO_LIMITS = ("set statement_timeout = 0", "set transaction_timeout = 0", "set session_replication_role = replica")


def run(ground: Ground) -> Iterator[Figure]:
    crowded = ground.database()
    with ground.living(crowded) as connection:
        live_through(connection)
        connection.execute("vacuum analyze")
    results = alternate(
        ROUNDS,
        {
            "ours": lambda: ledger(ground),
            "stock": lambda: stock(ground),
            "raised": lambda: ledger(ground, hand_over_per_thread=RAISED),
            "crowded": lambda: ledger(ground, crowded),
        },
    )
    rates = {name: [run[0] for run in runs] for name, runs in results.items()}
    yield Figure("stock Dramatiq", median(rates["stock"]), "jobs/s", note=_cpu(results["stock"]))
    yield Figure("the ledger", median(rates["ours"]), "jobs/s", note=_cpu(results["ours"]))
    yield Figure("the ledger / stock", ratio(rates["ours"], rates["stock"]), "x", aim=0.6)
    yield Figure(
        f"with {RAISED} messages a thread in Redis / stock", ratio(rates["raised"], rates["stock"]), "x",
        note=_cpu(results["raised"]),
    )  # fmt: skip
    yield Figure(f"with {FINISHED:,} finished rows / without", ratio(rates["crowded"], rates["ours"]), "x", aim=0.9)


def live_through(connection: Connection) -> None:
    """Make a ledger that has seen much; the connection has no limits from now on."""
    for statement in NO_LIMITS:
        connection.execute(statement)
    connection.execute(LIVED, (FINISHED,))
    connection.execute(ATTEMPTS)


def ledger(ground: Ground, database: str | None = None, **settings: object) -> tuple[float, dict[str, float]]:
    """Drain full queues by the relay and two units; return jobs/s and CPU milliseconds a job, by kind."""
    with ground.living(database, **settings) as connection:
        began = _fill(connection)
        with _workers(ground) as crew:
            wait_until(crew, lambda: _is(connection, BEGUN, began), every=0.01)
            crew.zero()
            wait_until(crew, lambda: _is(connection, OVER, JOBS, began))
            cpu = crew.cpu()
        clock = connection.execute(CLOCK, (began,)).fetchone()
    assert clock
    assert clock.jobs == JOBS
    return JOBS / clock.seconds, {kind: seconds * 1000 / JOBS for kind, seconds in cpu.items()}


def stock(ground: Ground) -> tuple[float, dict[str, float]]:
    """The same by `dramatiq -p 2 -t 8`."""
    with ground.living():
        message = importlib.reload(importlib.import_module("benchmarks.stock")).do_nothing  # by the Redis of this run
        for _ in range(JOBS):
            message.send()
        client = Redis.from_url(ground.redis.url)
        with Crew(ground) as crew:
            crew.start("worker", ["dramatiq", "benchmarks.stock", "-p", str(UNITS), "-t", str(THREADS)])
            wait_until(crew, lambda: _left(client) < JOBS, every=0.002)
            began = time.monotonic()
            crew.zero()
            wait_until(crew, lambda: not _left(client) and not client.hlen("dramatiq:default.msgs"), every=0.002)
            seconds = time.monotonic() - began
            cpu = crew.cpu()
    return JOBS / seconds, {kind: used * 1000 / JOBS for kind, used in cpu.items()}


@contextmanager
def _workers(ground: Ground) -> Iterator[Crew]:
    with Crew(ground) as crew:
        crew.start("relay", ["benchmarks.process", "relay"])
        for number in range(UNITS):
            crew.start("worker", ["benchmarks.process", "unit", f"fast-{number}", "default", str(THREADS)])
        yield crew


def _fill(connection: Connection) -> object:
    began = connection.execute("select clock_timestamp() as now").fetchone()
    for _ in range(JOBS // 1000):
        with transaction(connection) as tx:
            dispatch_all(tx, (do_nothing.message() for _ in range(1000)))
    assert began
    return began.now


def _is(connection: Connection, question: str, *parameters: object) -> bool:
    answer = connection.execute(question, parameters).fetchone()
    return bool(answer and answer[0])


def _left(client: "Redis") -> int:
    return int(client.llen("dramatiq:default"))


def _cpu(runs: list[tuple[float, dict[str, float]]]) -> str:
    """Say what CPU a job took."""
    kinds = runs[0][1]
    return ", ".join(f"{kind} {median(run[1][kind] for run in runs):.2f}" for kind in kinds) + " ms CPU a job"
