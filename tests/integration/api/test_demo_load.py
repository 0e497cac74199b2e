"""The demo's load: Omar orders at a pace, and stops by himself or when he is told to."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import ApiProcess, Customer, problem
from tests.waiting import wait_until

OMARS = """
select count(*) as n from orders where user_id = (select id from users where email = 'omar@example.com')
"""
STOCK = "select sum(received) as received, sum(on_hand) as on_hand, sum(sold) as sold from products"
SESSIONS = """
select count(*) as n from sessions s join users u on u.id = s.user_id
where u.email = 'omar@example.com' and s.revoked_at is null
"""


@pytest.fixture
def stopped(layla: Customer) -> Iterator[None]:
    yield
    layla.http.delete("/demo/load")
    wait_until(lambda: not shown(layla)["running"])


def shown(customer: Customer) -> Any:
    return customer.get("/demo/load").raise_for_status().json()


@pytest.mark.usefixtures("stopped")
def test_a_load_places_its_orders_and_ends_by_itself(api: ApiProcess, layla: Customer) -> None:
    # Given
    before, stock = api.sql(OMARS)[0].n, api.sql(STOCK)[0]
    # When
    started = layla.post("/demo/load", json={"per_second": 20, "seconds": 1}).json()
    assert started["running"]
    wait_until(lambda: not shown(layla)["running"])
    ended = shown(layla)
    # Then what was placed is counted, and what is not paced through is left out
    assert 0 < ended["placed"] <= 20
    assert ended["failed"] == 0
    assert ended["statuses"] == {"placed": ended["placed"]}
    assert 0 < ended["answered"]["p50"] <= ended["answered"]["p99"] < 10
    assert api.sql(OMARS)[0].n - before == ended["placed"]
    # And as much was delivered as it could have bought, and Omar is signed out again
    delivered = api.sql(STOCK)[0]
    assert delivered.received - stock.received == 24  # three of each of eight products
    assert delivered.on_hand == delivered.received - delivered.sold
    assert api.sql(SESSIONS)[0].n == 0


@pytest.mark.usefixtures("stopped")
def test_there_is_one_load_at_a_time_and_it_can_be_stopped(layla: Customer) -> None:
    # Given
    layla.post("/demo/load", json={"per_second": 1, "seconds": 120}).raise_for_status()
    # When / Then
    problem(layla.post("/demo/load", json={}), 409, "refused")
    layla.http.delete("/demo/load").raise_for_status()
    wait_until(lambda: not shown(layla)["running"])


@pytest.mark.usefixtures("stopped")
def test_confirmed_orders_tell_how_long_they_took(api: ApiProcess, layla: Customer) -> None:
    # Given a load that has ended, one of whose orders was confirmed after three seconds
    layla.post("/demo/load", json={"per_second": 5, "seconds": 1}).raise_for_status()
    wait_until(lambda: not (now := shown(layla))["running"] and now["placed"])
    assert shown(layla)["confirmed"] is None
    (order,) = api.sql(f"{OMARS.replace('count(*) as n', 'id, placed_at')} order by id desc limit 1")
    api.sql(
        "insert into events (id, name, aggregate, aggregate_id, aggregate_version, payload, occurred_at)"
        " values (gen_random_uuid(), 'OrderConfirmed', 'order', %s, 2, '{}', %s + interval '3 seconds')",
        *(order.id, order.placed_at),
    )
    # When / Then
    assert shown(layla)["confirmed"] == {"p50": 3, "p95": 3, "p99": 3}


@pytest.mark.parametrize("wish", [{"per_second": 21}, {"seconds": 121}, {"per_second": 0}, {"cards": "all"}])
def test_a_load_is_bounded(layla: Customer, wish: dict[str, Any]) -> None:
    problem(layla.post("/demo/load", json=wish), 422, "invalid")


def test_only_who_is_signed_in_starts_one(api: ApiProcess) -> None:
    problem(api.http.post("/demo/load", json={}), 401, "unauthorised")
    problem(api.http.get("/demo/load"), 401, "unauthorised")
    problem(api.http.delete("/demo/load"), 401, "unauthorised")
    problem(api.http.get("/demo/processes"), 401, "unauthorised")
