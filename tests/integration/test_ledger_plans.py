"""However young or crowded the ledger is, what is known by its id is found by its id."""

import json
import re
from typing import Any

import pytest

from shared.db.engine import connect
from shared.jobs import batch_sql, sql
from tests.ledger import Ledger

BY_ID = {
    "claim": sql.CLAIM,
    "heartbeat": sql.HEARTBEAT,
    "fence": sql.FENCE,
    "finish": sql.FINISH,
    "retry": sql.RETRY,
    "fail": sql.FAIL,
    "take back": sql.TAKE_BACK,
    "call what a batch calls": batch_sql.CALL,
}


def generic(statement: str) -> str:
    """Return it with $1, $2, …, as PostgreSQL plans it once for all values."""
    names: dict[str, int] = {}
    return re.sub(r"%\(?(\w*)\)?s", lambda found: f"${names.setdefault(found[1], len(names) + 1)}", statement)


def ways_to_jobs(node: Any) -> set[str]:
    """Return how a plan reads the table of jobs: by which index, or all of it."""
    ways = {way for part in node.get("Plans", []) for way in ways_to_jobs(part)}
    if node["Node Type"] == "Bitmap Index Scan" or ("Index Name" in node and node.get("Relation Name") == "jobs"):
        ways.add(node["Index Name"])
    elif node.get("Relation Name") == "jobs" and node["Node Type"] == "Seq Scan":
        ways.add("the whole table")
    return ways


@pytest.mark.parametrize("statement", BY_ID.values(), ids=BY_ID)
@pytest.mark.parametrize("jobs", [0, 3000])
def test_a_job_is_found_by_its_id_however_many_there_are(ledger: Ledger, statement: str, jobs: int) -> None:
    # Given a ledger that PostgreSQL knows nothing about yet
    ledger.rows(
        "insert into jobs (id, name, queue, args, state) select gen_random_uuid(), 'count_stock', 'default', '[]',"
        " 'succeeded' from generate_series(1, %s) returning 1",
        (jobs,),
    )

    # When a worker's connection plans what it will do all day
    with connect(durable=False, by_key=True) as worker:
        explained = worker.execute(f"explain (generic_plan, format json) {generic(statement)}", prepare=False)
        plan = explained.fetchall()[0][0]

    # Then nothing but the primary key leads to the jobs
    plan = json.loads(plan) if isinstance(plan, str) else plan
    assert ways_to_jobs(plan[0]["Plan"]) == {"jobs_pkey"}
