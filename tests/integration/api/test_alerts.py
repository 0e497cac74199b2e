"""Operators ask what they are called for, and whether anybody still looks."""

from datetime import datetime

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem

ALERT = """
insert into alerts (id, rule, subject, detail, resolved_at) values (%s, 'queue_waits', %s, '7 jobs wait', {})
"""
LOOKED = """
insert into jobs (id, name, queue, args, state, finished_at) values (%s, 'evaluate_alerts', 'orders', '[]', %s, %s)
"""


def test_an_operator_sees_what_is_open_and_what_was(api: ApiProcess, nour: Customer) -> None:
    # Given an alert that is open and one that is over
    queue = f"queue-{new_id().hex}"
    api.sql(ALERT.format("null"), new_id(), queue)
    api.sql(ALERT.format("clock_timestamp()"), new_id(), queue)
    # When
    now, ever = (nour.get("/alerts", params={"state": state}).raise_for_status().json() for state in ("open", "all"))
    # Then
    assert [one["detail"] for one in now["items"] if one["subject"] == queue] == ["7 jobs wait"]
    assert [bool(one["resolved_at"]) for one in ever["items"] if one["subject"] == queue] == [True, False]


def test_it_says_when_the_rules_were_last_looked_at(api: ApiProcess, nour: Customer) -> None:
    # Given two runs, of which the later one failed
    for slot, state in (("2026-01-01 12:00Z", "succeeded"), ("2026-01-01 12:01Z", "failed")):
        job = new_id()
        api.sql(LOOKED, job, state, slot)
        api.sql("insert into schedule_slots (task, slot, job_id) values ('alerts', %s, %s)", slot, job)
    # When / Then
    assert datetime.fromisoformat(nour.get("/alerts").json()["looked_at"]).minute == 0


def test_nobody_else_sees_them(api: ApiProcess, layla: Customer, nour: Customer) -> None:
    problem(api.http.get("/alerts"), 401, "unauthorised")
    problem(layla.get("/alerts"), 403, "forbidden")
    problem(nour.get("/alerts", params={"state": "closed"}), 422, "invalid")
