"""Operators look at jobs by the API, try them again, cancel, hurry and forget them; each change is audited."""

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


# --- changing one ---


@pytest.mark.parametrize(
    ("words", "before", "after", "action"),
    [
        ("retry", FAILED, "scheduled", "job.retry"),
        ("cancel", {"state": "scheduled"}, "cancelled", "job.cancel"),
        ("cancel", {"state": "running", "attempt": 1, "worker": "fast-1"}, "cancelled", "job.cancel"),
        ("run-now", {"state": "scheduled", "available_at": "2099-01-01"}, "scheduled", "job.run_now"),
    ],
)
def test_a_change_is_done_once_and_audited(  # noqa: PLR0917 - what is given, done and seen
    api: ApiProcess, nour: Customer, words: str, before: dict[str, Any], after: str, action: str
) -> None:
    # Given
    job = given(api, **before)
    # When
    first, second = nour.post(f"/jobs/{job}/{words}"), nour.post(f"/jobs/{job}/{words}")
    # Then
    assert (first.status_code, first.json()["state"]) == (200, after), first.text
    assert "due" in problem(second, 409, "refused")["detail"] or after in second.json()["detail"]
    assert audited(api, nour) == [(action, f"job {job}")]
    assert not api.sql("select from jobs where id = %s and available_at > clock_timestamp()", job)


def test_a_job_that_has_ended_is_forgotten_with_its_attempts(api: ApiProcess, nour: Customer) -> None:
    # Given
    job, still_open = given(api, **FAILED), given(api)
    api.sql("insert into job_attempts (job_id, attempt, outcome) values (%s, 1, 'failed')", job)
    # When
    answer = nour.http.delete(f"/jobs/{job}")
    # Then
    assert (answer.status_code, answer.content) == (204, b"")
    assert not api.sql("select from job_attempts where job_id = %s", job)
    problem(nour.get(f"/jobs/{job}"), 404, "not_found")
    # But an open one is not
    assert "scheduled" in problem(nour.http.delete(f"/jobs/{still_open}"), 409, "refused")["detail"]
    assert state(api, still_open) == "scheduled"
    assert audited(api, nour) == [("job.forget", f"job {job}")]


def test_a_link_is_not_forgotten_while_its_chain_goes_on(api: ApiProcess, nour: Customer) -> None:
    # Given a charge that a later failure would undo
    chain = new_id()
    api.sql("insert into chains (id, name) values (%s, 'craft')", chain)
    charge = given(api, chain_id=chain, link=0, state="succeeded", undo="refund")
    given(api, chain_id=chain, link=1, state="scheduled")
    # When / Then
    assert "chain" in problem(nour.http.delete(f"/jobs/{charge}"), 409, "refused")["detail"]


def test_a_retry_is_refused_with_its_reason_and_leaves_no_trace(api: ApiProcess, nour: Customer) -> None:
    # Given a failed link of a chain that was undone
    chain = new_id()
    api.sql("insert into chains (id, name, undone_at) values (%s, 'craft', clock_timestamp())", chain)
    job = given(api, chain_id=chain, link=0, **FAILED)
    # When / Then
    assert "its chain was undone" in problem(nour.post(f"/jobs/{job}/retry"), 409, "refused")["detail"]
    assert (state(api, job), audited(api, nour)) == ("failed", [])


def test_cancelling_a_link_has_a_worker_undo_its_chain(api: ApiProcess, nour: Customer) -> None:
    # Given a chain whose first link is done
    chain, order = new_id(), new_id()
    api.sql("insert into chains (id, name) values (%s, 'check_out')", chain)
    given(api, chain_id=chain, link=0, state="succeeded", undo="release_stock", args="[]", aggregate_id=order)
    second = given(api, chain_id=chain, link=1, aggregate_id=order)
    third = given(api, chain_id=chain, link=2, state="blocked")
    # When
    answer = nour.post(f"/jobs/{third}/cancel")
    assert answer.is_success, api.log.read_text()[-3000:]
    # Then all of it has ended, and the job that knows how to undo is on its way
    assert [state(api, job) for job in (second, third)] == ["cancelled", "cancelled"]
    undo = api.sql("select name, args, aggregate_id from jobs where args = %s::jsonb", f'["{chain}"]')
    assert [(row.name, row.aggregate_id) for row in undo] == [("undo_cancelled_chain", order)]


# --- changing many ---


def test_jobs_are_retried_by_a_filter_and_counted(api: ApiProcess, nour: Customer) -> None:
    # Given
    chain = new_id()
    api.sql("insert into chains (id, name, undone_at) values (%s, 'craft', clock_timestamp())", chain)
    name = "plane_walnut"
    good = [given(api, name=name, **FAILED) for _ in range(3)]
    undone = given(api, name=name, chain_id=chain, link=0, **FAILED)
    cancelled = given(api, name=name, state="cancelled", attempt=1)
    # When
    answer = nour.post("/jobs/retry", json={"name": name, "error": "bank"}).json()
    # Then
    assert answer == {
        "retried": 3,
        "refused": [{"id": str(undone), "reason": "its chain was undone"}],
        "next_cursor": None,
    }
    assert {state(api, job) for job in good} == {"scheduled"}
    assert (state(api, undone), state(api, cancelled)) == ("failed", "cancelled")
    (act,) = nour.get("/audit", params={"limit": 1}).json()["items"]
    assert (act["action"], act["user_name"], act["detail"]["request"]) == (
        *("jobs.retry", "Nour", {"name": name, "error": "bank"}),
    )
    assert sorted(act["detail"]["retried"]) == sorted(map(str, good))


def test_hundreds_of_jobs_are_retried_by_following_the_cursor(api: ApiProcess, nour: Customer) -> None:
    # Given
    api.sql(
        "insert into jobs (id, name, queue, args, state, finished_at)"
        " select gen_random_uuid(), 'sand_walnut', 'orders', '[]', 'failed', clock_timestamp()"
        " from generate_series(1, 450)"
    )
    # When
    answers: list[Any] = []
    while not answers or answers[-1]["next_cursor"]:
        cursor = {"cursor": answers[-1]["next_cursor"]} if answers else {}
        answers.append(nour.post("/jobs/retry", json={"name": "sand_walnut", **cursor}).json())
    # Then
    assert [answer["retried"] for answer in answers] == [200, 200, 50]
    assert not api.sql("select from jobs where name = 'sand_walnut' and state = 'failed'")


def test_a_retry_of_everything_must_be_meant(api: ApiProcess, nour: Customer) -> None:
    # Given
    job = given(api, **FAILED)
    # When / Then
    without: tuple[dict[str, Any], ...] = ({}, {"cursor": str(new_id())}, {"state": []}, {"state": ["succeeded"]})
    for nothing in without:
        problem(nour.post("/jobs/retry", json=nothing), 422, "invalid")
    assert state(api, job) == "failed"


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
