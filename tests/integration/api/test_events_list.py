"""The log of what happened: who reads which facts, about what, and page by page."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Json

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.events import golden_payload

#: As the relay does it: each fact gets the next place among all.
HAND_ON = "update events set position = (select coalesce(max(position), 0) + 1 from events) where id = %s"
RECORD = """
insert into events (id, name, aggregate, aggregate_id, aggregate_version, payload)
values (%s, %s, %s, %s, 1, %s) returning id
"""


def hand_on(api: ApiProcess, aggregate: str | UUID) -> None:
    for row in api.sql("select id from events where aggregate_id = %s and position is null order by seq", aggregate):
        api.sql(HAND_ON, row.id)


@pytest.fixture
def order(api: ApiProcess, layla: Customer, products: dict[str, str]) -> str:
    """Layla's, placed and handed on."""
    order = str(layla.place([{"product_id": products["walnut-desk"], "quantity": 1}]).json()["id"])
    hand_on(api, order)
    return order


def listed(customer: Customer, **query: Any) -> list[tuple[str, str]]:
    items = customer.get("/events", params=query).raise_for_status().json()["items"]
    return [(item["name"], item["aggregate_id"]) for item in items]


def test_a_fact_is_read_as_it_was_heard(layla: Customer, order: str) -> None:
    # When
    (fact,) = layla.get("/events").json()["items"]
    # Then
    assert (fact["name"], fact["aggregate"], fact["aggregate_id"]) == ("OrderPlaced", "order", order)
    assert fact["payload"]["order"]["id"] == order
    assert fact["position"] > 0
    assert fact["channels"] == [f"private-orders.{order}", f"private-user.{layla.id}", "private-orders"]


def test_a_customer_reads_nothing_of_another(api: ApiProcess, order: str, nour: Customer) -> None:
    omar = api.customer("Omar")
    assert listed(omar) == []
    assert listed(omar, about=order) == []
    assert listed(nour, about=order) == [("OrderPlaced", order)]
    problem(api.http.get("/events"), 401, "unauthorised")


def test_an_order_is_told_with_its_payment_and_its_messages(api: ApiProcess, layla: Customer, order: str) -> None:
    # Given a payment and a message of the order, of which something was reported
    payment, message, fact = new_id(), new_id(), new_id()
    api.sql(
        "insert into payments (id, order_id, amount, currency, intent_id) values (%s, %s, 1, 'EGP', %s)",
        *(payment, order, f"pi_{payment}"),
    )
    api.sql(
        "insert into notifications (id, event_id, kind, channel, user_id, aggregate_id)"
        " values (%s, %s, 'order_confirmed', 'sms', %s, %s)",
        *(message, fact, layla.id, order),
    )
    for name, aggregate, its in (("GatewayReported", "payment", payment), ("CarrierReported", "notification", message)):
        api.sql(RECORD, new_id(), name, aggregate, its, '{"of": "an older shape"}')
        hand_on(api, its)
    # When / Then the newest is first, and a shape that nobody knows any more is shown all the same
    wanted = [("CarrierReported", str(message)), ("GatewayReported", str(payment)), ("OrderPlaced", order)]
    assert listed(layla, about=order) == listed(layla) == wanted
    assert layla.get("/events").json()["items"][0]["channels"] == []


def test_what_is_not_handed_on_yet_is_not_in_the_log(layla: Customer, products: dict[str, str]) -> None:
    layla.place([{"product_id": products["walnut-desk"], "quantity": 1}])
    assert listed(layla) == []


def test_a_session_of_somebody_names_no_channel_that_one_could_listen_to(api: ApiProcess, nour: Customer) -> None:
    # Given
    session, event = new_id(), new_id()
    payload = f'{{"session_id": "{session}", "user_id": "{nour.id}"}}'
    api.sql(RECORD, event, "SessionRevoked", "session", session, payload)
    hand_on(api, session)
    # When
    newest = nour.get("/events").json()["items"][0]
    # Then
    assert (newest["name"], newest["channels"]) == ("SessionRevoked", [])


def test_videos_are_in_the_log_of_their_owner(api: ApiProcess, layla: Customer) -> None:
    # Given
    video, payload = new_id(), golden_payload("VideoUploaded", 1)
    api.sql("insert into videos (id, user_id, filename, size) values (%s, %s, 'بحر.mp4', 1)", video, layla.id)
    payload["video"] |= {"id": str(video), "user_id": str(layla.id)}
    api.sql(RECORD, new_id(), "VideoUploaded", "video", video, Json(payload))
    hand_on(api, video)
    # When / Then
    assert listed(layla, about=str(video)) == listed(layla) == [("VideoUploaded", str(video))]
    assert listed(api.customer("Omar"), about=str(video)) == []


def test_the_log_is_read_page_by_page(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    # Given
    orders = []
    for _ in range(3):
        orders.append(layla.place([{"product_id": products["cane-chair"], "quantity": 1}]).json()["id"])
        hand_on(api, orders[-1])
    # When
    first = layla.get("/events", params={"limit": 2}).json()
    second = layla.get("/events", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    # Then
    assert [item["aggregate_id"] for item in first["items"] + second["items"]] == orders[::-1]
    assert second["next_cursor"] is None
    problem(layla.get("/events", params={"limit": 101}), 422, "invalid")
    problem(layla.get("/events", params={"about": "desk"}), 422, "invalid")
