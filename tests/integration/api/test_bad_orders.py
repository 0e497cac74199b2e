"""Bad input is a problem with a 4xx, and nothing changes."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem

DESK: Any = object()  # stands for the desk's id
GOOD: dict[str, Any] = {"items": [{"product_id": DESK, "quantity": 1}], "payment_method": "pm_card_visa"}


def _one(**line: Any) -> dict[str, Any]:
    return GOOD | {"items": [{"product_id": DESK, "quantity": 1} | line]}


BAD: dict[str, tuple[Any, str]] = {
    "no piece": (_one(quantity=0), "invalid"),
    "a piece less than none": (_one(quantity=-1), "invalid"),
    "a thousand million pieces": (_one(quantity=10**9), "invalid"),
    "more pieces than PostgreSQL counts": (_one(quantity=10**30), "invalid"),
    "half a piece": (_one(quantity=0.5), "invalid"),
    "a whole float": (_one(quantity=1.0), "invalid"),
    "a number in words": (_one(quantity="3"), "invalid"),
    "yes": (_one(quantity=True), "invalid"),
    "not a number": (_one(quantity=float("nan")), "invalid"),
    "nothing": (_one(quantity=None), "invalid"),
    "an unknown product": (_one(product_id=str(new_id())), "unknown_product"),
    "a slug for an id": (_one(product_id="walnut-desk"), "invalid"),
    "an id with a NUL": (_one(product_id="\u0000" * 32), "invalid"),
    "a price of one's own": (_one(unit_price=1), "invalid"),
    "no items": (GOOD | {"items": []}, "invalid"),
    "items that are a word": (GOOD | {"items": "walnut-desk"}, "invalid"),
    "items without a list": ({"payment_method": "pm_card_visa"}, "invalid"),
    "fifty-one lines": (GOOD | {"items": GOOD["items"] * 51}, "invalid"),
    "too many pieces on two lines": (
        GOOD | {"items": [{"product_id": DESK, "quantity": 600}, {"product_id": DESK, "quantity": 600}]},
        "invalid",
    ),
    "no payment method": ({"items": GOOD["items"]}, "invalid"),
    "a card number": (GOOD | {"payment_method": "4242424242424242"}, "invalid"),
    "a payment method with a NUL": (GOOD | {"payment_method": "pm_\u0000"}, "invalid"),
    "a payment method with a line end": (GOOD | {"payment_method": "pm_card_visa\n"}, "invalid"),
    "half a surrogate pair": (GOOD | {"payment_method": "pm_\ud800"}, "invalid"),
    "half a surrogate pair for a name": (GOOD | {"\ud800": 1}, "invalid"),
    "a list": ([GOOD], "invalid"),
    "null": (None, "invalid"),
}


@pytest.fixture(autouse=True)
def _nothing_changes(api: ApiProcess, layla: Customer) -> Iterator[None]:
    counts = "select count(*) from (select id from orders union all select id from events) as written"
    keys = "select count(*) from idempotency_keys"
    before = api.sql(counts), api.sql(keys)
    yield
    assert (api.sql(counts), api.sql(keys)) == before
    assert layla.get("/orders").json()["items"] == []


@pytest.mark.parametrize("what", BAD)
def test_a_bad_order_is_refused(layla: Customer, products: dict[str, str], what: str) -> None:
    # Given
    order, code = BAD[what]
    body = json.dumps(order, default=lambda _: products["walnut-desk"])
    # When
    answer = _send(layla, body)
    # Then
    told = problem(answer, 422, code)
    assert told["errors"]


@pytest.mark.parametrize(
    "body",
    ["", "{", "\x00", '{"items": [', b"\xff\xfe", "[" * 60_000, '{"items": ' + "9" * 5_000 + "}"],
    ids=["empty", "cut", "NUL", "cut later", "not UTF-8", "deep", "a number of 5,000 digits"],
)
def test_what_is_no_json_is_refused(layla: Customer, body: str | bytes) -> None:
    answer = _send(layla, body)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code, answer.json()["code"])


def test_a_form_is_no_order(layla: Customer) -> None:
    problem(_send(layla, "items=walnut-desk", kind="application/x-www-form-urlencoded"), 422, "invalid")


def test_two_megabytes_are_refused_however_they_come(layla: Customer) -> None:
    big = b" " * 2_000_000
    problem(_send(layla, big), 413, "too_large")
    problem(_send(layla, (big[start : start + 50_000] for start in range(0, len(big), 50_000))), 413, "too_large")


def test_what_says_that_it_is_large_is_refused_before_it_is_sent(api: ApiProcess, layla: Customer) -> None:
    # Given
    head = f"POST /orders HTTP/1.1\r\nHost: taboor\r\nAuthorization: Bearer {layla.token}\r\nIdempotency-Key: k-1\r\n"
    announced = "Content-Type: application/json\r\nContent-Length: 2000000\r\n\r\n"
    # When
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall((head + announced + "{").encode())
        # Then
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_nobody_orders_without_signing_in(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    # Given
    order = GOOD | {"items": [{"product_id": products["walnut-desk"], "quantity": 1}]}
    headers = {"Idempotency-Key": "k-1"}
    # When / Then
    problem(api.http.post("/orders", json=order, headers=headers), 401, "unauthorised")
    api.sql("update sessions set revoked_at = now() where id = %s", layla.session_id)
    problem(layla.http.post("/orders", json=order, headers=headers), 401, "session_ended")
    api.sql("update sessions set revoked_at = null, expires_at = now() where id = %s", layla.session_id)
    problem(layla.http.post("/orders", json=order, headers=headers), 401, "session_ended")
    api.sql("update sessions set expires_at = now() + interval '1 hour' where id = %s", layla.session_id)


def test_what_is_not_there_is_a_problem_too(api: ApiProcess) -> None:
    problem(api.http.get("/orderz"), 404, "not_found")
    answer = api.http.put("/orders")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


def _send(customer: Customer, body: Any, kind: str = "application/json") -> Any:
    headers = {"Idempotency-Key": new_id().hex, "Content-Type": kind}
    return customer.http.post("/orders", content=body, headers=headers)
