"""Reading orders, cancelling and shipping them: one's own, or an operator's."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem


@pytest.fixture
def order(layla: Customer, products: dict[str, str]) -> dict[str, Any]:
    """An order that Layla has placed."""
    placed: dict[str, Any] = layla.place([{"product_id": products["walnut-desk"], "quantity": 1}]).json()
    return placed


def test_a_list_is_read_page_by_page_newest_first(layla: Customer, products: dict[str, str]) -> None:
    # Given
    items = [{"product_id": products["coffee-pot"], "quantity": 1}]
    numbers = [layla.place(items).json()["number"] for _ in range(5)]
    # When
    pages: list[list[int]] = []
    cursor = None
    while cursor or not pages:
        page = layla.get("/orders", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        pages.append([order["number"] for order in page["items"]])
        cursor = page["next_cursor"]
    # Then
    assert pages == [numbers[:2:-1], numbers[2:0:-1], numbers[:1]]


def test_customers_see_their_own_orders_and_operators_all(
    api: ApiProcess, layla: Customer, nour: Customer, order: dict[str, Any]
) -> None:
    # Given
    omar = api.customer("Omar")
    # When / Then
    assert [seen["id"] for seen in layla.get("/orders").json()["items"]] == [order["id"]]
    assert omar.get("/orders").json()["items"] == []
    assert order["id"] in [seen["id"] for seen in nour.get("/orders").json()["items"]]
    assert nour.get(order["links"]["self"]).json() == order


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=1", "cursor=%00"])
def test_a_bad_page_is_refused(layla: Customer, query: str) -> None:
    problem(layla.get(f"/orders?{query}"), 422, "invalid")


def test_anothers_order_does_not_exist(api: ApiProcess, order: dict[str, Any]) -> None:
    omar, itself = api.customer("Omar"), order["links"]["self"]
    for path in (itself, f"{itself}/timeline"):
        problem(omar.get(path), 404, "not_found")
        problem(omar.get(path.replace(order["id"], str(new_id()))), 404, "not_found")
    problem(omar.post(f"{itself}/cancellation"), 404, "not_found")
    problem(omar.post(f"{itself}/shipment"), 403, "forbidden")
    assert _facts(api, order) == ["OrderPlaced"]


def test_the_payment_is_shown_once_there_is_one(api: ApiProcess, layla: Customer, order: dict[str, Any]) -> None:
    # Given
    api.sql(
        "insert into payments (id, order_id, amount, currency, status, reason)"
        " values (%s, %s, 1850000, 'EGP', 'declined', 'insufficient_funds')",
        *(new_id(), UUID(order["id"])),
    )
    # When / Then
    shown = layla.get(order["links"]["self"]).json()
    assert shown["payment"] == {"status": "declined", "reason": "insufficient_funds"}


def test_a_timeline_has_facts_by_position_jobs_with_attempts_and_messages(
    api: ApiProcess, layla: Customer, nour: Customer, order: dict[str, Any]
) -> None:
    # Given
    order_id, chain, job = UUID(order["id"]), new_id(), new_id()
    api.sql("update events set position = 1000 where aggregate_id = %s", order_id)
    for name, position in (("OrderConfirmed", None), ("StockReserved", 999)):
        api.sql(
            "insert into events (id, name, version, aggregate, aggregate_id, aggregate_version, payload, position)"
            " values (%s, %s, 1, 'order', %s, 2, %s, %s)",
            *(new_id(), name, order_id, Jsonb({}), position),
        )
    api.sql("insert into chains (id, name, ended_reason) values (%s, 'check_out', 'declined')", chain)
    api.sql(
        "insert into jobs (id, name, queue, args, state, attempt, failures, tries, chain_id, link, aggregate_id, error)"
        " values (%s, 'charge_payment', 'orders', '[]', 'running', 2, 1, 5, %s, 1, %s, 'Timeout')",
        *(job, chain, order_id),
    )
    api.sql(
        "insert into job_attempts (job_id, attempt, worker, outcome, error)"
        " values (%s, 1, 'fast-1', 'failed', 'Timeout')",
        job,
    )
    api.sql(
        "insert into notifications (id, event_id, kind, channel, user_id, aggregate_id, recipient, status, subject)"
        " values (%s, %s, 'order_confirmed', 'mail', %s, %s, 'layla@example.com', 'sent', 'تم تأكيد طلبك')",
        *(new_id(), new_id(), layla.id, order_id),
    )
    # When
    timeline = layla.get(order["links"]["timeline"]).json()
    # Then
    assert [event["name"] for event in timeline["events"]] == ["StockReserved", "OrderPlaced", "OrderConfirmed"]
    assert [event["position"] for event in timeline["events"]] == [999, 1000, None]
    (charging,) = timeline["jobs"]
    assert (charging["name"], charging["state"], charging["failures"], charging["tries"]) == (
        *("charge_payment", "running", 1, 5),
    )
    assert charging["chain"] == {"id": str(chain), "name": "check_out", "link": 1, "ended_reason": "declined"}
    (attempt,) = charging["attempts"]
    assert (attempt["attempt"], attempt["outcome"]) == (1, "failed")
    assert [message["subject"] for message in timeline["notifications"]] == ["تم تأكيد طلبك"]
    # And what our machines are called and say is for operators only
    assert (charging["error"], attempt["error"], attempt["worker"]) == (None, None, None)
    (charging,) = nour.get(order["links"]["timeline"]).json()["jobs"]
    (attempt,) = charging["attempts"]
    assert (charging["error"], attempt["error"], attempt["worker"]) == ("Timeout", "Timeout", "fast-1")


def test_why_a_message_was_not_sent_is_for_operators(
    api: ApiProcess, layla: Customer, nour: Customer, order: dict[str, Any]
) -> None:
    # Given a mail that our server could not hand over
    api.sql(
        "insert into notifications (id, event_id, kind, channel, user_id, aggregate_id, recipient, status, delivery)"
        " values (%s, %s, 'order_confirmed', 'mail', %s, %s, 'layla@example.com', 'failed', 'mail-1 refused us')",
        *(new_id(), new_id(), layla.id, UUID(order["id"])),
    )
    # When / Then
    shown = [who.get(order["links"]["timeline"]).json()["notifications"][0] for who in (layla, nour)]
    assert [(message["status"], message["delivery"]) for message in shown] == [
        ("failed", None),
        ("failed", "mail-1 refused us"),
    ]


def test_a_cancellation_is_asked_for_once(api: ApiProcess, layla: Customer, order: dict[str, Any]) -> None:
    # When
    first = layla.post(order["links"]["cancellation"])
    second = layla.post(order["links"]["cancellation"])
    # Then
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.json()["cancel_requested_at"] is not None
    assert first.json()["version"] == order["version"] + 1
    assert _facts(api, order) == ["OrderPlaced", "OrderCancellationRequested"]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("placed", True),
        ("reserved", True),
        ("confirmed", True),
        ("shipped", False),
        ("rejected", False),
        ("expired", False),
    ],
)
def test_what_has_ended_cannot_be_cancelled(
    api: ApiProcess, layla: Customer, order: dict[str, Any], status: str, *, allowed: bool
) -> None:
    # Given
    _move(api, order, status)
    # When
    answer = layla.post(order["links"]["cancellation"])
    # Then
    if allowed:
        assert answer.status_code == 202
    else:
        problem(answer, 409, "illegal_move")
        assert _facts(api, order) == ["OrderPlaced"]


def test_an_order_is_shipped_once_and_by_an_operator(api: ApiProcess, nour: Customer, order: dict[str, Any]) -> None:
    # Given
    _move(api, order, "confirmed")
    # When
    first = nour.post(f"{order['links']['self']}/shipment")
    second = nour.post(f"{order['links']['self']}/shipment")
    # Then
    assert (first.status_code, first.json()["status"]) == (200, "shipped")
    assert second.json() == first.json()
    assert _facts(api, order) == ["OrderPlaced", "OrderShipped"]


@pytest.mark.parametrize("status", ["placed", "reserved", "rejected", "cancelled", "expired"])
def test_only_a_confirmed_order_is_shipped(api: ApiProcess, nour: Customer, order: dict[str, Any], status: str) -> None:
    _move(api, order, status)
    problem(nour.post(f"{order['links']['self']}/shipment"), 409, "illegal_move")


def test_an_order_that_is_being_cancelled_is_not_shipped(
    api: ApiProcess, layla: Customer, nour: Customer, order: dict[str, Any]
) -> None:
    # Given
    _move(api, order, "confirmed")
    layla.post(order["links"]["cancellation"])
    # When / Then
    problem(nour.post(f"{order['links']['self']}/shipment"), 409, "illegal_move")
    assert _facts(api, order) == ["OrderPlaced", "OrderCancellationRequested"]


def test_the_inbox_is_ones_own_and_what_was_read_stays_read(
    api: ApiProcess, layla: Customer, order: dict[str, Any]
) -> None:
    # Given
    messages = sorted(new_id() for _ in range(3))
    for message, channel in zip(messages, ("database", "mail", "database"), strict=True):
        api.sql(
            "insert into notifications (id, event_id, kind, channel, user_id, aggregate_id, status, subject)"
            " values (%s, %s, 'order_confirmed', %s, %s, %s, 'sent', 'تم')",
            *(message, new_id(), channel, layla.id, UUID(order["id"])),
        )
    # When
    newest = layla.get("/notifications", params={"limit": 1}).json()
    older = layla.get("/notifications", params={"cursor": newest["next_cursor"]}).json()
    read = layla.post(f"/notifications/{messages[0]}/read").json()
    # Then
    assert [seen["id"] for seen in newest["items"] + older["items"]] == [str(messages[2]), str(messages[0])]
    assert older["next_cursor"] is None
    assert read["read_at"]
    assert read["order_id"] == order["id"]
    assert layla.post(f"/notifications/{messages[0]}/read").json() == read
    problem(layla.post(f"/notifications/{messages[1]}/read"), 404, "not_found")
    problem(api.customer("Omar").post(f"/notifications/{messages[0]}/read"), 404, "not_found")


def test_the_days_sales_are_summed_over_shards_for_operators(api: ApiProcess, layla: Customer, nour: Customer) -> None:
    # Given
    for shard in (0, 1):
        api.sql(
            "insert into daily_sales (day, currency, shard, orders, revenue, refunds, refunded)"
            " values ('2026-11-24', 'EGP', %s, 2, 500, 1, 100) on conflict do nothing",
            shard,
        )
    # When / Then
    (day,) = nour.get("/analytics/daily").json()["items"]
    assert day == {
        "day": "2026-11-24",
        "currency": "EGP",
        "orders": 4,
        "revenue": 1000,
        "refunds": 2,
        "refunded": 200,
    }
    problem(layla.get("/analytics/daily"), 403, "forbidden")


def test_the_books_are_for_operators(layla: Customer, nour: Customer) -> None:
    told = nour.get("/books").json()
    assert told["balanced"] == (not told["faults"])
    problem(layla.get("/books"), 403, "forbidden")


def _move(api: ApiProcess, order: dict[str, Any], status: str) -> None:
    """Put an order into a state, as its jobs would."""
    api.sql("update orders set status = %s where id = %s", status, UUID(order["id"]))


def _facts(api: ApiProcess, order: dict[str, Any]) -> list[str]:
    rows = api.sql("select name from events where aggregate_id = %s order by seq", UUID(order["id"]))
    return [row.name for row in rows]
