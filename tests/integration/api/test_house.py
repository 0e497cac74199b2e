"""What holds for the API as a whole: its description, its health, its logs, its doors in production."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.api.app import create_app
from services.api.openapi import text
from shared.config import ROOT
from shared.db.seed import seed
from shared.engines.redis import RedisServer
from tests.api import ApiProcess, Customer, problem
from tests.production import PRODUCTION
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def production(shop_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("production")
    with ApiProcess(folder, shop_url, redis.url, {**PRODUCTION, "PAGE_FILES": str(folder / "none")}) as process:
        yield process


def test_the_description_in_docs_is_the_codes() -> None:
    written = (ROOT / "docs" / "openapi.json").read_text()
    assert written == text(create_app()), "run `make openapi`"


def test_every_operation_tells_of_its_problems_and_of_nothing_else() -> None:
    # Given
    document = create_app().openapi()
    # When
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    # Then
    for operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], operation["operationId"]
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert references <= document["components"]["schemas"].keys()
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_the_docs_page_asks_nothing_of_other_hosts(api: ApiProcess) -> None:
    # Given
    page = api.http.get("/docs").text
    # When
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    # Then
    assert len(addresses) == 3
    for address in addresses:
        answer = api.http.get(address)
        assert answer.is_success, address
        assert len(answer.content) > 100
    assert "http" not in re.sub(r"<!DOCTYPE.*?>", "", page)
    problem(api.http.get("/docs/..%2f__init__.py"), 404, "not_found")


def test_the_front_door_shows_where_to_go(api: ApiProcess) -> None:
    page = api.http.get("/").text
    assert "/docs" in page
    assert "طابور" in page
    assert api.http.get("/config.json").json()["pusher"]["key"] == "taboor-key"


def test_products_are_named_in_the_language_asked_for(api: ApiProcess) -> None:
    for wish, name in (("ar-EG,ar;q=0.9,en;q=0.8", "مكتب خشب جوز"), ("en", "Walnut desk"), ("fr", "Walnut desk")):
        desk = api.http.get("/products", headers={"Accept-Language": wish}).json()["items"][0]
        assert (desk["slug"], desk["name"]) == ("walnut-desk", name)


def test_a_request_is_one_line_of_json_with_its_id(api: ApiProcess) -> None:
    # When
    api.http.get("/me", headers={"X-Request-Id": "from-the-test"})
    # Then
    (line,) = wait_until(lambda: _said(api, "from-the-test"))
    assert (line["process"], line["method"], line["path"], line["status"]) == ("api", "GET", "/me", 401)


def test_it_is_ready_while_the_database_answers_whatever_redis_does(api: ApiProcess, redis: RedisServer) -> None:
    assert api.http.get("/readyz").json() == {"status": "ok"}
    redis.stop()
    answer = api.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded: redis"})


def test_without_a_database_it_lives_and_says_try_again(redis: RedisServer, tmp_path: Path) -> None:
    # Given
    nowhere = "postgresql://taboor@127.0.0.1:9/taboor"
    with ApiProcess(tmp_path, nowhere, redis.url) as api:
        # When / Then
        assert api.http.get("/livez").status_code == 200
        for answer in (api.http.get("/readyz"), api.http.get("/products")):
            problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"


def test_a_mistake_of_ours_is_a_500_that_tells_nothing_but_is_written_down(api: ApiProcess) -> None:
    # Given
    api.sql("alter table products rename to goods")
    try:
        # When
        answer = api.http.get("/products", headers={"X-Request-Id": "our-mistake"})
    finally:
        api.sql("alter table goods rename to products")
    # Then
    problem(answer, 500, "internal")
    assert "products" not in answer.text
    written = wait_until(lambda: _said(api, "our-mistake"))
    assert [line["event"] for line in written] == ["a request failed", "request"]
    assert "UndefinedTable" in written[0]["exception"]


def test_what_is_locked_for_long_is_try_again(api: ApiProcess, layla: Customer, products: dict[str, str]) -> None:
    # Given
    order = layla.place([{"product_id": products["walnut-desk"], "quantity": 1}]).json()
    with psycopg.connect(api.database_url) as other:
        other.execute("select 1 from orders where id = %s for update", (order["id"],))
        # When / Then
        problem(layla.post(order["links"]["cancellation"]), 503, "unavailable")
        other.rollback()
    assert layla.post(order["links"]["cancellation"]).status_code == 202


def test_production_has_no_switches_and_no_sandbox_and_nobody_of_the_demo_signs_in(production: ApiProcess) -> None:
    # Given Layla of the demo, whose password everybody knows
    guess = {"email": "layla@example.com", "password": "taboor"}
    # When / Then
    problem(production.http.post("/sessions", json=guess), 401, "wrong_credentials")
    problem(production.http.post("/demo/redis/wipe"), 404, "not_found")
    problem(production.http.post("/demo/crash/relay-1"), 404, "not_found")
    assert "sandbox" not in production.http.get("/").text
    assert production.http.get("/config.json").json()["sandbox"] is None


def test_in_the_demo_redis_is_wiped_by_whoever_is_signed_in(api: ApiProcess, redis: RedisServer) -> None:
    from redis import Redis  # noqa: PLC0415 - the fixture has its name

    with Redis.from_url(redis.url) as client:
        # Given
        client.set("walnut", "desk")
        problem(api.http.post("/demo/redis/wipe"), 401, "unauthorised")
        assert client.get("walnut") == b"desk"
        # When
        assert api.customer().post("/demo/redis/wipe").status_code == 200
        # Then
        assert client.dbsize() == 0


def test_where_no_supervisor_runs_nothing_is_crashed(api: ApiProcess) -> None:
    problem(api.customer().post("/demo/crash/no-such-process"), 404, "not_found")
    problem(api.customer().post("/demo/crash/rm%20-rf"), 422, "invalid")


def test_seeding_again_changes_nothing(api: ApiProcess) -> None:
    # Given
    everything = "select md5(string_agg(t::text, '|' order by t.id)) as sum from {} t"
    api.sql("update products set reserved = 3 where slug = 'brass-tray'")
    before = [api.sql(everything.format(table)) for table in ("products", "users")]
    # When
    seed(api.database_url)
    # Then
    assert [api.sql(everything.format(table)) for table in ("products", "users")] == before
    api.sql("update products set reserved = 0 where slug = 'brass-tray'")


def test_the_seed_is_bilingual_and_large_enough(api: ApiProcess) -> None:
    rows = api.sql("select * from products")
    assert len(rows) >= 6
    assert all(re.fullmatch(r"[\u0600-\u06ff ]+", row.name_ar) for row in rows)
    assert {row.role for row in api.sql("select role from users")} == {"customer", "operator"}


def _said(api: ApiProcess, request: str) -> list[dict[str, Any]]:
    """Return what the log has of a request that has been answered; its own line is the last."""
    whole_lines = api.log.read_text().split("\n")[:-1]  # what follows the last one is still being written
    lines = [json.loads(line) for line in whole_lines]
    its = [line for line in lines if line.get("request") == request]
    return its if its and its[-1]["event"] == "request" else []
