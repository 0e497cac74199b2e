"""Operators look at queues and batches by the API, pause, resume, cancel and try again; each change is audited."""

from uuid import UUID

import pytest

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.operators import FAILED, audited, given, state


def test_a_queue_shows_what_waits_who_works_and_who_paused_it(api: ApiProcess, nour: Customer) -> None:
    # Given
    for columns in (
        *({"state": "scheduled"}, {"state": "queued"}, {"state": "scheduled", "available_at": "2099-01-01"}),
        *({"state": "running", "attempt": 1}, {"state": "blocked"}, {"state": "succeeded"}),
    ):
        given(api, queue="carving", **columns)
    for unit, seen in (("carve-1", "0 s"), ("carve-2", "1 s"), ("dead", "1 min")):
        api.sql(
            "insert into workers (id, unit, host, pid, queues, threads, seen_at)"
            " values (%s, %s, 'bench', 1, '{carving,sanding}', 4, clock_timestamp() - %s::interval)",
            *(f"{unit}@{new_id()}", unit, seen),
        )
    # When
    paused = nour.post("/queues/carving/pause", json={"reason": "the saw is blunt"}).json()
    # Then
    (shown,) = (queue for queue in nour.get("/queues").json()["items"] if queue["name"] == "carving")
    assert shown == paused
    numbers = ("waiting", "delayed", "blocked", "running", "units", "threads")
    assert [shown[name] for name in numbers] == [2, 1, 1, 1, 2, 8]
    assert (shown["paused"]["paused_by"], shown["paused"]["reason"]) == ("Nour", "the saw is blunt")
    # And when it is resumed, once
    assert nour.post("/queues/carving/resume").json()["paused"] is None
    problem(nour.post("/queues/carving/resume"), 409, "refused")
    assert audited(api, nour) == [("queue.pause", "queue carving"), ("queue.resume", "queue carving")]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "\x00"}, {"reason": 7}, {"reason": "x", "by": "me"}])
def test_a_pause_says_why(api: ApiProcess, nour: Customer, body: dict[str, object]) -> None:
    problem(nour.post("/queues/carving/pause", json=body), 422, "invalid")
    problem(nour.post("/queues/car%20ving/pause", json={"reason": "why not"}), 422, "invalid")
    assert not api.sql("select from paused_queues where queue like 'car%%'")


def batch_of(api: ApiProcess, *states: str, name: str = "pictures") -> tuple[UUID, list[UUID]]:
    batch = new_id()
    counts = [states.count(state) for state in ("failed", "cancelled")]
    pending = len([state for state in states if state not in ("succeeded", "failed", "cancelled")])
    api.sql(
        "insert into batches (id, name, total, pending, failed, cancelled, finished_at)"
        " values (%s, %s, %s, %s, %s, %s, case when %s = 0 then clock_timestamp() end)",
        *(batch, name, len(states), pending, *counts, pending),
    )
    return batch, [given(api, batch_id=batch, **({} | FAILED | {"state": state})) for state in states]


def test_batches_are_listed_with_their_progress_and_shown_with_their_members(api: ApiProcess, nour: Customer) -> None:
    # Given
    name = new_id().hex
    over, _ = batch_of(api, "succeeded", "failed", name=name)
    going, _ = batch_of(api, "succeeded", "succeeded", "running", name=name)
    then = given(api, name="tell_layla", state="blocked")
    api.sql("update batches set then_id = %s where id = %s", then, going)
    # When / Then
    listed = nour.get("/batches", params={"name": name}).json()["items"]
    assert [(UUID(each["id"]), each["state"], each["progress"], each["succeeded"]) for each in listed] == [
        (going, "open", 66, 2),
        (over, "failed", 100, 1),
    ]
    still_open = nour.get("/batches", params={"name": name, "open": True}).json()["items"]
    assert [UUID(each["id"]) for each in still_open] == [going]
    first = nour.get("/batches", params={"name": name, "limit": 1}).json()
    second = nour.get("/batches", params={"name": name, "cursor": first["next_cursor"]}).json()
    assert [UUID(each["id"]) for each in second["items"]] == [over]
    shown = nour.get(f"/batches/{going}").json()
    assert shown["members"] == {"running": 1, "succeeded": 2}
    assert shown["callbacks"] == {"then": {"id": str(then), "name": "tell_layla", "state": "blocked"}}


def test_a_batch_is_cancelled_until_it_is_over(api: ApiProcess, nour: Customer) -> None:
    # Given
    batch, _ = batch_of(api, "scheduled", "running")
    # When
    first = nour.post(f"/batches/{batch}/cancel", params={"running": True})
    api.sql("update batches set pending = 0, cancelled = 2, finished_at = clock_timestamp() where id = %s", batch)
    second = nour.post(f"/batches/{batch}/cancel")
    # Then its members follow by a job
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert "cancelled" in problem(second, 409, "refused")["detail"]
    (job,) = api.sql("select name, args from jobs where args->>0 = %s", str(batch))
    assert (job.name, job.args) == ("end_cancelled_batch", [str(batch), True])
    assert audited(api, nour) == [("batch.cancel", f"batch {batch}")]


def test_what_failed_in_a_batch_is_tried_again_and_the_batch_is_open_again(api: ApiProcess, nour: Customer) -> None:
    # Given
    batch, members = batch_of(api, "succeeded", "failed", "cancelled")
    # When
    answer = nour.post(f"/batches/{batch}/retry").json()
    # Then
    assert answer == {"retried": 2, "refused": [], "next_cursor": None}
    assert [state(api, job) for job in members] == ["succeeded", "scheduled", "scheduled"]
    shown = nour.get(f"/batches/{batch}").json()
    assert (shown["state"], shown["pending"], shown["failed"], shown["cancelled"]) == ("open", 2, 0, 0)
    # And again there is nothing left to try
    assert nour.post(f"/batches/{batch}/retry").json()["retried"] == 0


def test_the_audit_is_read_page_by_page(nour: Customer) -> None:
    # Given
    for queue in ("sawing", "gluing", "sanding"):
        nour.post(f"/queues/{queue}/pause", json={"reason": "lunch"})
        nour.post(f"/queues/{queue}/resume")
    # When
    first = nour.get("/audit", params={"limit": 4}).json()
    second = nour.get("/audit", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    # Then
    acts = [(act["action"], act["subject"]) for act in first["items"] + second["items"]]
    assert acts == [
        (f"queue.{what}", f"queue {queue}") for queue in ("sanding", "gluing", "sawing") for what in ("resume", "pause")
    ]
    assert first["items"][1]["detail"] == {"reason": "lunch"}
    problem(nour.get("/audit?cursor=x"), 422, "invalid")
