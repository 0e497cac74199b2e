"""However many jobs there are, what operators ask is answered long before the statement's time is up."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select, text

from shared.db.engine import connect
from shared.db.reading import reading, reading_engine
from shared.db.reads import jobs, queues
from shared.db.reads.jobs import Wanted
from shared.db.tables.jobs import Job
from tests.integration.test_ledger_plans import ways_to_jobs

#: Every tenth has failed, every tenth waits, and those that wait are the oldest: the worst that a list can meet.
MANY = """
insert into jobs (id, name, queue, args, state, created_at, available_at, finished_at, error, tags)
select (lpad(to_hex(case when n % 10 = 1 then n else 1000000 + n end), 12, '0') || '7000800000000000'
        || lpad(to_hex(n % 65536), 4, '0'))::uuid, 'saw_walnut', 'orders', '[]',
       case n % 10 when 0 then 'failed' when 1 then 'scheduled' else 'succeeded' end,
       clock_timestamp(), clock_timestamp(),
       case when n % 10 <> 1 then clock_timestamp() end,
       case when n % 10 = 0 then 'TimeoutError: took longer than ' || n || ' s' end, '{walnut}'
from generate_series(1, 100000) n
"""
WITHIN = 1.0  # seconds, of the 3.5 that a statement has
FILTERS = {
    "the newest": Wanted(),
    "failed": Wanted(states=("failed",)),
    "waiting, which are the oldest": Wanted(states=("scheduled",)),
    "of a name that there is not": Wanted(name="no_such_job"),
    "with an error that there is not": Wanted(error="took longer than 7777777 s"),
    "with a tag that there is not": Wanted(tag="ليلى"),
    "old ones, which there are not": Wanted(older_than=timedelta(days=1), states=("failed", "cancelled")),
}


@pytest.fixture
def crowded(environment: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A ledger of a hundred thousand jobs."""
    del environment
    with connect() as connection:
        connection.execute("set statement_timeout = 0")
        connection.execute("set transaction_timeout = 0")
        connection.execute(MANY)
        connection.execute("analyze jobs")
    engine = reading_engine(1)
    yield engine
    engine.dispose()


def test_a_hundred_thousand_jobs_are_listed_counted_and_summed_up_in_time(crowded: Engine) -> None:
    # When
    took: dict[str, float] = {}
    for name, wanted in FILTERS.items():
        for question in (_page, jobs.count):
            began = time.monotonic()
            with reading(crowded) as session:
                question(session, wanted)
            took[f"{question.__name__} {name}"] = time.monotonic() - began
    began = time.monotonic()
    with reading(crowded) as session:
        (orders,) = queues.all_known(session)
    took["queues"] = time.monotonic() - began
    # Then
    assert orders.waiting == 10_000
    assert not {name: seconds for name, seconds in took.items() if seconds > WITHIN}


def _page(session: Session, wanted: Wanted) -> int:
    return len(jobs.page(session, wanted, None, 21))


@pytest.mark.parametrize(
    ("wanted", "way"),
    [(Wanted(), "jobs_pkey"), (Wanted(states=("failed",)), "jobs_pkey"), (Wanted(states=("running",)), "jobs_running")],
    ids=["all", "failed", "running"],
)
def test_a_page_reads_no_more_than_it_shows(crowded: Engine, wanted: Wanted, way: str) -> None:
    # When
    statement = select(Job).where(*wanted.conditions()).order_by(col(Job.id).desc()).limit(21)
    spelled = statement.compile(crowded, compile_kwargs={"literal_binds": True})
    with reading(crowded) as session:
        explained = session.scalar(text(f"explain (analyze, format json) {spelled}".replace(":", "\\:")))
    # Then
    plan = explained[0]["Plan"]
    assert ways_to_jobs(plan) == {way}
    assert _rows_looked_at(plan) <= 300


def _rows_looked_at(plan: dict[str, Any]) -> float:
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return max([float(own), *(_rows_looked_at(part) for part in plan.get("Plans", []))])
