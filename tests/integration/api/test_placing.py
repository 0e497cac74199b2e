"""`POST /orders`: accepted at once, written down whole, and once for one key."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from shared.engines.redis import RedisServer
from shared.events.catalogue import OrderPlaced, load
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem


def test_an_order_is_accepted_and_written_down_with_its_fact(
    api: ApiProcess, layla: Customer, products: dict[str, str]
) -> None:
    # Given
    desk, lamp = products["walnut-desk"], products["reading-lamp"]
    # When
    answer = layla.place([{"product_id": desk, "quantity": 2}, {"product_id": lamp, "quantity": 1}])
    # Then
    assert answer.status_code == 202, answer.text
    order = answer.json()
    assert answer.headers["location"] == f"/orders/{order['id']}" == order["links"]["self"]
    assert (order["status"], order["total"], order["currency"]) == ("placed", 2 * 1_850_000 + 145_000, "EGP")
    assert {line["slug"]: line["quantity"] for line in order["items"]} == {"walnut-desk": 2, "reading-lamp": 1}
    assert order["items"][0]["names"]["ar"] in ("مكتب خشب جوز", "أباجورة قراءة")
    assert layla.get(order["links"]["self"]).json() == order
    (event,) = api.sql("select * from events where aggregate_id = %s", UUID(order["id"]))
    fact = load(event.name, event.version, event.payload)
    assert isinstance(fact, OrderPlaced)
    assert (fact.order.number, fact.order.total, len(fact.order.items)) == (order["number"], order["total"], 2)


def test_the_same_product_on_two_lines_is_one_line(layla: Customer, products: dict[str, str]) -> None:
    desk = products["walnut-desk"]
    order = layla.place([{"product_id": desk, "quantity": 1}, {"product_id": desk.upper(), "quantity": 3}]).json()
    assert [(line["product_id"], line["quantity"]) for line in order["items"]] == [(desk, 4)]


def test_the_same_key_again_gets_the_first_answer_to_the_byte(
    api: ApiProcess, layla: Customer, products: dict[str, str]
) -> None:
    # Given
    items = [{"product_id": products["walnut-desk"], "quantity": 1}]
    first = layla.place(items, "k-1")
    assert "idempotent-replayed" not in first.headers
    api.sql("update orders set status = 'cancelled' where id = %s", UUID(first.json()["id"]))
    # When
    second = layla.place(items, "k-1")
    # Then
    assert (second.status_code, second.content) == (202, first.content)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert _orders(api, layla) == 1


def test_an_answer_that_an_older_release_stored_is_sent_as_it_was(
    api: ApiProcess, layla: Customer, products: dict[str, str]
) -> None:
    # Given an answer without a field that today's orders have, and with one that they no longer have
    items = [{"product_id": products["walnut-desk"], "quantity": 1}]
    order = layla.place(items, "k-1").json()
    older = json.dumps({"id": order["id"], "number": order["number"], "status": "placed", "gift_wrap": None})
    api.sql("update idempotency_keys set answer = to_jsonb(%s::text) where key = 'k-1'", older)
    # When
    again = layla.place(items, "k-1")
    # Then
    assert (again.status_code, again.text) == (202, older)
    assert again.headers["location"] == f"/orders/{order['id']}"


def test_fifty_at_once_with_one_key_are_one_order(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    # Given
    items = [{"product_id": products["walnut-desk"], "quantity": 1}]
    # When
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: layla.place(items, "fifty"), range(50)))
    # Then
    bodies = Counter(answer.text for answer in answers if answer.status_code == 202)
    assert len(bodies) == 1
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert sum(answer.status_code == 202 and "idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert _orders(api, layla) == 1


def test_another_order_under_a_used_key_is_refused(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    # Given
    desk = products["walnut-desk"]
    layla.place([{"product_id": desk, "quantity": 1}], "k-1")
    # When / Then
    problem(layla.place([{"product_id": desk, "quantity": 2}], "k-1"), 422, "key_reused")
    problem(layla.place([{"product_id": desk, "quantity": 1}], "k-1", payment_method="pm_x"), 422, "key_reused")
    assert _orders(api, layla) == 1


def test_a_key_belongs_to_one_customer(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    omar, items = api.customer("Omar"), [{"product_id": products["walnut-desk"], "quantity": 1}]
    ids = {who.place(items, "the-same").json()["id"] for who in (layla, omar)}
    assert len(ids) == 2


def test_a_refused_order_does_not_use_up_its_key(layla: Customer, products: dict[str, str]) -> None:
    # Given
    problem(layla.place([{"product_id": str(new_id()), "quantity": 1}], "k-1"), 422, "unknown_product")
    # When
    answer = layla.place([{"product_id": products["walnut-desk"], "quantity": 1}], "k-1")
    # Then
    assert answer.status_code == 202
    assert "idempotent-replayed" not in answer.headers


def test_a_key_is_good_for_a_day(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    # Given
    items = [{"product_id": products["walnut-desk"], "quantity": 1}]
    first = layla.place(items, "k-1").json()
    api.sql("update idempotency_keys set created_at = now() - interval '25 hours' where user_id = %s", layla.id)
    # When
    second = layla.place(items, "k-1")
    # Then
    assert second.status_code == 202
    assert second.json()["id"] != first["id"]
    assert layla.place(items, "k-1").content == second.content


def test_a_key_whose_first_request_takes_too_long_is_409(
    api: ApiProcess, layla: Customer, products: dict[str, str]
) -> None:
    # Given somebody who holds the key and does not commit
    with psycopg.connect(api.database_url) as other:
        other.execute("insert into idempotency_keys (user_id, key, request_hash) values (%s, 'held', '')", (layla.id,))
        # When
        answer = layla.place([{"product_id": products["walnut-desk"], "quantity": 1}], "held")
        # Then
        problem(answer, 409, "key_in_use")
        other.rollback()
    assert layla.place([{"product_id": products["walnut-desk"], "quantity": 1}], "held").status_code == 202


@pytest.mark.parametrize("key", [None, "", "x" * 256, "two words", "مفتاح"])
def test_without_a_proper_key_there_is_no_order(
    api: ApiProcess, layla: Customer, products: dict[str, str], key: str | None
) -> None:
    order = {"items": [{"product_id": products["walnut-desk"], "quantity": 1}], "payment_method": "pm_card_visa"}
    headers = {b"Content-Type": b"application/json"} | ({} if key is None else {b"Idempotency-Key": key.encode()})
    answer = layla.http.post("/orders", content=json.dumps(order), headers=headers)
    problem(answer, 400, "malformed")
    assert _orders(api, layla) == 0


def test_a_stopped_redis_changes_nothing(
    api: ApiProcess, redis: RedisServer, layla: Customer, products: dict[str, str]
) -> None:
    # Given
    redis.stop()
    # When
    answers = [layla.place([{"product_id": products["walnut-desk"], "quantity": 1}]) for _ in range(20)]
    # Then
    assert [answer.status_code for answer in answers] == [202] * 20
    assert max(answer.elapsed.total_seconds() for answer in answers) < 1
    assert api.http.get("/readyz").json() == {"status": "degraded: redis"}


def _orders(api: ApiProcess, customer: Customer) -> int:
    (row,) = api.sql("select count(*) as orders from orders where user_id = %s", customer.id)
    events = api.sql("select 1 from events where payload -> 'order' ->> 'user_id' = %s", str(customer.id))
    assert len(events) == row.orders
    return int(row.orders)
