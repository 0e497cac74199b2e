"""Operators ask how the queues stand, over HTTP."""

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem


def test_an_operator_sees_the_figures_of_each_queue(api: ApiProcess, nour: Customer) -> None:
    # Given a job that waits in a queue of its own
    queue = f"queue-{new_id().hex}"
    api.sql("insert into jobs (id, name, queue, args) values (%s, 'count_stock', %s, '[]')", new_id(), queue)
    # When
    answer = nour.get("/queues/figures", params={"window": "60m"}).raise_for_status().json()
    # Then
    assert answer["window_seconds"] == answer["covers_seconds"] == 3600
    (mine,) = [one for one in answer["queues"] if one["name"] == queue]
    assert (mine["waiting"], mine["attempts"], mine["wait"], mine["failure_rate"]) == (1, 0, None, None)
    assert "count_stock" in [one["name"] for one in answer["jobs"]]


def test_nobody_else_sees_them_and_there_are_three_windows(api: ApiProcess, layla: Customer, nour: Customer) -> None:
    problem(api.http.get("/queues/figures"), 401, "unauthorised")
    problem(layla.get("/queues/figures"), 403, "forbidden")
    problem(nour.get("/queues/figures", params={"window": "7m"}), 422, "invalid")
