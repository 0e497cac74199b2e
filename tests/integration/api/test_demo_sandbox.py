"""The page turns the sandbox's switches and reads a customer's own mail by way of the API."""

from collections.abc import Iterator

import pytest

from shared.engines.redis import RedisServer
from tests.api import ApiProcess, Customer, problem
from tests.sandbox import SandboxProcess, send_mail


@pytest.fixture(scope="module")
def with_sandbox(
    shop_url: str, redis: RedisServer, sandbox_process: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("api")
    with ApiProcess(folder, shop_url, redis.url, sandbox_process.environment) as api:
        yield api


@pytest.fixture
def layla(with_sandbox: ApiProcess, sandbox: SandboxProcess) -> Customer:
    assert sandbox.mailbox() == []
    return with_sandbox.customer("ليلى")


def test_a_switch_says_what_it_does_and_what_to_expect(layla: Customer) -> None:
    # When
    switches = {switch["name"]: switch for switch in layla.get("/demo/switches").json()["items"]}
    # Then
    decline = switches["decline"]
    assert (decline["kind"], decline["value"]) == ("on_off", False)
    assert decline["does"]
    assert decline["expect"]


def test_switches_are_turned_and_mended(layla: Customer, sandbox: SandboxProcess) -> None:
    # When
    turned = layla.http.put("/demo/switches", json={"slow_ms": 300, "no_answer_after_charging": 1}).json()
    # Then
    values = {switch["name"]: switch["value"] for switch in turned["items"]}
    assert (values["slow_ms"], values["no_answer_after_charging"], values["decline"]) == (300, 1, False)
    # And
    mended = layla.http.delete("/demo/switches").json()
    assert not any(switch["value"] for switch in mended["items"])
    assert sandbox.mailbox() == []


@pytest.mark.parametrize(
    "wish", [{"gravity": True}, {"decline": 3}, {"slow_ms": -1}, {"decline": "yes"}, [], {"A b": 1}]
)
def test_what_is_no_switch_is_refused_in_words(layla: Customer, wish: object) -> None:
    refusal = problem(layla.http.put("/demo/switches", json=wish), 422, "invalid")
    assert refusal["detail"]


def test_who_is_not_signed_in_turns_nothing_and_reads_nothing(with_sandbox: ApiProcess) -> None:
    problem(with_sandbox.http.get("/demo/switches"), 401, "unauthorised")
    problem(with_sandbox.http.put("/demo/switches", json={"decline": True}), 401, "unauthorised")
    problem(with_sandbox.http.delete("/demo/switches"), 401, "unauthorised")
    problem(with_sandbox.http.get("/demo/mailbox"), 401, "unauthorised")


def test_a_customer_reads_their_own_mail_and_nobody_elses(
    with_sandbox: ApiProcess, layla: Customer, sandbox: SandboxProcess
) -> None:
    # Given
    own, others = f"{layla.id.hex}@example.com", "omar@example.com"
    send_mail(sandbox, to=own, message_id="<1042@taboor.example>")
    send_mail(sandbox, to=others, message_id="<1043@taboor.example>")
    # When
    (letter,) = layla.get("/demo/mailbox").json()["items"]
    # Then
    assert (letter["to"], letter["channel"], letter["message_id"]) == (own, "mail", "<1042@taboor.example>")
    assert letter["text"].strip() == "أهلا ليلى"
    assert len(layla.get("/demo/mailbox", params={"to": own}).json()["items"]) == 1
    problem(layla.get("/demo/mailbox", params={"to": others}), 403, "forbidden")
    # And an operator reads any
    nour = with_sandbox.customer("Nour", role="operator")
    assert len(nour.get("/demo/mailbox", params={"to": others}).json()["items"]) == 1


def test_a_customer_sees_what_was_charged_for_their_own_order(
    with_sandbox: ApiProcess, layla: Customer, sandbox: SandboxProcess
) -> None:
    # Given an order that was charged
    desk = with_sandbox.http.get("/products").json()["items"][0]["id"]
    order = layla.place([{"product_id": desk, "quantity": 1}]).json()["id"]
    assert layla.get(f"/demo/charges/{order}").json() == {"items": []}
    intent = sandbox.gateway().v1.payment_intents.create(
        {
            "amount": 1_850_000,
            "currency": "egp",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "metadata": {"order_id": order},
        }
    )
    # When
    (charge,) = layla.get(f"/demo/charges/{order}").json()["items"]
    # Then
    assert charge == {"intent": intent.id, "status": "succeeded", "received": 1_850_000, "refunded": 0}
    problem(with_sandbox.customer("Omar").get(f"/demo/charges/{order}"), 404, "not_found")


def test_the_books_are_compared_with_what_the_bank_has(with_sandbox: ApiProcess, layla: Customer) -> None:
    # Given an order that says it is paid, for minutes, and the bank has nothing of it
    desk = with_sandbox.http.get("/products").json()["items"][0]["id"]
    order = layla.place([{"product_id": desk, "quantity": 1}]).json()["id"]
    as_if = "update orders set status = %s, updated_at = now() - interval '5 minutes' where id = %s"
    nour = with_sandbox.customer("Nour", role="operator")
    with_sandbox.sql(as_if, "confirmed", order)
    try:
        # When
        faults = [nour.get(books).json()["faults"] for books in ("/books", "/demo/books")]
    finally:
        with_sandbox.sql(as_if, "placed", order)
    # Then
    missing = f"order {order}: confirmed, but the gateway keeps no charge for it"
    assert [missing in found for found in faults] == [False, True]
    problem(layla.get("/demo/books"), 403, "forbidden")


def test_a_sandbox_that_is_away_is_said(
    shop_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = {"STRIPE_API_BASE": "http://127.0.0.1:9"}
    with ApiProcess(tmp_path_factory.mktemp("api"), shop_url, redis.url, nowhere) as api:
        problem(api.customer().get("/demo/switches"), 503, "unavailable")
