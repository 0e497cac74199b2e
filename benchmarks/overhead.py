"""What the log line, the kept attempt and a layer cost each job, measured by leaving them out or putting them on."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Figure, alternate
from benchmarks.ground import Ground, cpu_seconds
from benchmarks.jobs import do_nothing
from shared.db.engine import Connection, thread_connection
from shared.db.transaction import transaction
from shared.jobs import runner, sql
from shared.jobs.claim import claim
from shared.jobs.job import REGISTRY, dispatch_all
from shared.jobs.middleware import skip_when
from shared.jobs.running import Claimed, Running
from shared.telemetry.logging import configure

JOBS = 2_000
ROUNDS = 5

TO_QUEUED = """
update jobs set state = 'queued', queued_at = clock_timestamp() where state = 'scheduled' returning id
"""
KEPT = sql.FINISH[sql.FINISH.index("), kept as (") : sql.FINISH.index("), freed as (")]


def run(ground: Ground) -> Iterator[Figure]:
    with ground.living() as connection, Path(os.devnull).open("w") as nowhere:
        said = sys.stdout
        sys.stdout = nowhere  # where the log's lines go
        try:
            configure("benchmark")
        finally:
            sys.stdout = said
        runs = {
            "all": lambda: costs(connection),
            "silent": lambda: silently(connection),
            "forgetful": lambda: without_attempts(connection),
            "layered": lambda: layered(connection),
        }
        results = alternate(ROUNDS, runs)
    yield Figure("a job that does nothing, one thread", median(results["all"]), "ms CPU", note="with PostgreSQL's")
    for name, what in (("silent", "the log line"), ("forgetful", "the kept attempt")):
        cost = median(results["all"]) - median(results[name])
        yield Figure(f"{what}, each job", cost, "ms CPU", aim=0.05, wanted="at most")
    cost = (median(results["layered"]) - median(results["all"])) / len(LAYERS)
    yield Figure("a middleware layer, each job", cost, "ms CPU", aim=0.05, wanted="at most", note="without SQL")


def costs(connection: Connection) -> float:
    """Run jobs one after another; return CPU milliseconds a job, ours and that of our session."""
    claimed = _claimed(connection)
    session = thread_connection().info.backend_pid
    engine, ours = cpu_seconds(session), time.process_time()
    for attempt in claimed:
        runner.run(attempt)
    return (time.process_time() - ours + cpu_seconds(session) - engine) / JOBS * 1000


def silently(connection: Connection) -> float:
    """The same, with everything below a warning left out."""
    before = runner.log
    runner.log = _Silent()
    try:
        return costs(connection)
    finally:
        runner.log = before


def without_attempts(connection: Connection) -> float:
    """The same, with a finish that keeps no attempt."""
    before = sql.FINISH
    sql.FINISH = before.replace(KEPT, "")
    try:
        return costs(connection)
    finally:
        sql.FINISH = before


def layered(connection: Connection) -> float:
    """The same, with layers that ask no database."""
    before = REGISTRY[do_nothing.name]
    REGISTRY[do_nothing.name] = replace(before, middleware=LAYERS)
    try:
        return costs(connection)
    finally:
        REGISTRY[do_nothing.name] = before


def pass_on(_: Running, proceed: Callable[[], None]) -> None:
    """The least that a layer of one's own can be."""
    proceed()


#: So many that what they cost is more than what a run differs from the next.
LAYERS = (skip_when(lambda: False), pass_on) * 10


class _Silent:
    def info(self, *_: object, **__: object) -> None:
        """Say nothing."""


def _claimed(connection: Connection) -> list[Claimed]:
    with transaction(connection) as tx:
        dispatch_all(tx, (do_nothing.message() for _ in range(JOBS)))
    ids = [row.id for row in connection.execute(TO_QUEUED)]
    return [one for some in _chunks(ids) for one in claim(connection, "benchmark", some)]


def _chunks(ids: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), 100):
        yield ids[start : start + 100]
