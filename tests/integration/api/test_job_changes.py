"""Operators try jobs again by the API, cancel, hurry and forget them; each change is audited."""

from typing import Any

import pytest

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.operators import FAILED, audited, given, state

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
