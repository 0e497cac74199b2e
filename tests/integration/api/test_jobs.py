"""Operators, and nobody else, look at jobs by the API."""

import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.config import ROOT
from shared.db.engine import arguments
from shared.db.transaction import transaction
from shared.ids import new_id
from shared.jobs.pruning import prune
from tests.api import ApiProcess, Customer, problem
from tests.operators import FAILED, audited, given, state


def ids(answer: Any) -> list[UUID]:
    return [UUID(job["id"]) for job in answer.json()["items"]]


# --- reading ---


def test_jobs_are_read_page_by_page_newest_first(api: ApiProcess, nour: Customer) -> None:
    # Given
    jobs = [given(api, tags=["pages"]) for _ in range(5)]
    # When
    pages: list[list[UUID]] = []
    cursor = None
    while cursor or not pages:
        answer = nour.get("/jobs", params={"tag": "pages", "limit": 2} | ({"cursor": cursor} if cursor else {}))
        pages.append(ids(answer))
        cursor = answer.json()["next_cursor"]
    # Then
    assert pages == [jobs[:2:-1], jobs[2:0:-1], jobs[:1]]


@pytest.mark.parametrize(
    ("columns", "query"),
    [
        ({"name": "glue_walnut"}, {"name": "glue_walnut"}),
        ({"queue": "heavy"}, {"queue": "heavy"}),
        (FAILED, {"state": "failed"}),
        (FAILED, {"state": ["failed", "succeeded"]}),
        (FAILED, {"error": "THE BANK said"}),
        ({"error": "only 100% walnut"}, {"error": "0% WAL"}),
        ({"created_at": "2020-01-01"}, {"older_than": "300d"}),
        ({"created_at": "2020-01-01", "state": "succeeded"}, {"younger_than": "5m", "state": "succeeded"}),
        ({"created_at": "2020-01-01", "state": "failed", "finished_at": "2020-02-01"}, {"older_than": "1h"}),
    ],
)
def test_a_filter_finds_what_it_says_and_nothing_else(
    api: ApiProcess, nour: Customer, columns: dict[str, Any], query: dict[str, Any]
) -> None:
    # Given two jobs of a tag of their own
    tag = new_id().hex
    wanted, _ = given(api, tags=[tag, "ليلى"], **columns), given(api, tags=[tag], error="only 100x walnut")
    # When / Then
    assert ids(nour.get("/jobs", params={"tag": tag, **query})) == [wanted]


def test_jobs_are_found_by_their_batch_chain_and_order(api: ApiProcess, nour: Customer) -> None:
    # Given
    batch, chain, order = new_id(), new_id(), new_id()
    api.sql("insert into batches (id, total, pending) values (%s, 1, 1)", batch)
    api.sql("insert into chains (id, name) values (%s, 'craft')", chain)
    jobs = [given(api, batch_id=batch), given(api, chain_id=chain, link=0), given(api, aggregate_id=order)]
    # When / Then
    for query, job in zip(({"batch": batch}, {"chain": chain}, {"aggregate": order}), jobs, strict=True):
        assert ids(nour.get("/jobs", params=query)) == [job]


def test_a_job_is_shown_with_its_attempts_its_chain_and_its_batch(api: ApiProcess, nour: Customer) -> None:
    # Given
    batch, chain = new_id(), new_id()
    api.sql("insert into batches (id, name, total, pending, failed) values (%s, 'pictures', 4, 1, 1)", batch)
    api.sql("insert into chains (id, name) values (%s, 'craft')", chain)
    first = given(api, chain_id=chain, link=0, state="succeeded", batch_id=batch)
    second = given(api, chain_id=chain, link=1, batch_id=batch, **FAILED)
    api.sql(
        "insert into job_attempts (job_id, attempt, worker, outcome, error, detail)"
        " select %s, n, 'fast-1', 'failed', 'TimeoutError', 'line ' || n from generate_series(1, 3) n",
        second,
    )
    # When
    shown = nour.get(f"/jobs/{second}").json()
    # Then
    assert [(each["attempt"], each["detail"]) for each in shown["attempts"]] == [
        *((number, f"line {number}") for number in (1, 2, 3)),
    ]
    assert [UUID(link["id"]) for link in shown["chain"]["links"]] == [first, second]
    assert (shown["batch"]["name"], shown["batch"]["progress"], shown["batch"]["state"]) == ("pictures", 75, "open")
    assert (shown["error"], shown["failures"], shown["tries"]) == (FAILED["error"], 3, 3)


def test_an_orders_timeline_stays_readable_when_its_jobs_were_pruned(
    api: ApiProcess, layla: Customer, products: dict[str, str]
) -> None:
    # Given an order whose facts were recorded by jobs of long ago
    order = layla.place([{"product_id": products["walnut-desk"], "quantity": 1}]).json()
    long_ago = {"state": "succeeded", "finished_at": "2020-01-01", "aggregate_id": UUID(order["id"])}
    pruned, kept = given(api, **long_ago), given(api, aggregate_id=UUID(order["id"]))
    api.sql("update events set job_id = %s where aggregate_id = %s", pruned, UUID(order["id"]))
    before = layla.get(order["links"]["timeline"]).json()
    # When
    with psycopg.connect(api.database_url, **arguments()) as connection, transaction(connection) as tx:
        prune(tx, timedelta(days=300))
    # Then all that happened is still told, with the jobs that are left
    after = layla.get(order["links"]["timeline"])
    assert after.status_code == 200
    assert after.json()["events"] == before["events"]
    assert [UUID(job["id"]) for job in after.json()["jobs"]] == [kept]


# --- who may not, and what cannot be read ---


PATHS = [
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("POST", "/jobs/{id}/retry"),
    ("POST", "/jobs/{id}/cancel"),
    ("POST", "/jobs/{id}/run-now"),
    ("DELETE", "/jobs/{id}"),
    ("POST", "/jobs/retry"),
    ("GET", "/batches"),
    ("GET", "/batches/{id}"),
    ("POST", "/batches/{id}/cancel"),
    ("POST", "/batches/{id}/retry"),
    ("GET", "/queues"),
    ("POST", "/queues/orders/pause"),
    ("POST", "/queues/orders/resume"),
    ("GET", "/audit"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_it_is_all_for_operators(api: ApiProcess, layla: Customer, method: str, path: str) -> None:
    # Given a job and a batch that are there: a customer learns not even that
    job = given(api, **FAILED)
    api.sql("insert into batches (id, total, pending) values (%s, 1, 1)", job)
    body = {"/jobs/retry": {"name": "saw_walnut"}, "/queues/orders/pause": {"reason": "for ليلى"}}.get(path)
    # When / Then
    itself = path.format(id=job)
    problem(layla.http.request(method, itself, json=body), 403, "forbidden")
    problem(layla.http.request(method, path.format(id=new_id()), json=body), 403, "forbidden")
    problem(api.http.request(method, itself, json=body), 401, "unauthorised")
    assert state(api, job) == "failed"
    assert audited(api, layla) == []
    assert not api.sql("select from paused_queues where queue = 'orders'")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "cursor=1",
        "state=sleeping",
        "older_than=7",
        "older_than=-1d",
        "older_than=999999d",
        "younger_than=week",
        "name=%00",
        "error=",
        "batch=pictures",
        "colour=walnut",
        f"error={'x' * 201}",
    ],
)
def test_a_bad_filter_is_refused(nour: Customer, query: str) -> None:
    problem(nour.get(f"/jobs?{query}"), 422, "invalid")


def test_what_is_not_there_is_not_found(nour: Customer) -> None:
    for method, path in PATHS:
        if "{id}" in path:
            problem(nour.http.request(method, path.format(id=new_id())), 404, "not_found")
            status, code = (404, "not_found") if path == "/jobs/{id}" else (422, "invalid")
            problem(nour.http.request(method, path.format(id="walnut-desk")), status, code)
    problem(nour.get("/jobs/retry"), 405, "method_not_allowed")


def test_the_api_knows_no_job_and_runs_none() -> None:
    # When the API is put together
    said = (
        "import sys, services.api.app as a; a.create_app(); from shared.jobs.job import REGISTRY;"
        "bad = [m for m in sys.modules if m.startswith(('dramatiq', 'services.worker', 'shared.jobs.runner'))];"
        "print(bad, {kind.function.__module__ for kind in REGISTRY.values()})"
    )
    run = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    # Then it has imported nothing that runs jobs, and no job but the ledger's own
    assert run.stdout.strip() == "[] {'shared.jobs.chain_jobs'}"
