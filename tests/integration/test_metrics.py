"""What Prometheus is told: by the API of its requests, by a relay of its work and of the queues."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.api import metrics
from services.worker.metrics import Queues
from shared.config import settings
from shared.engines.redis import RedisServer
from shared.ids import new_id
from tests.api import ApiProcess
from tests.ledger import Ledger
from tests.ports import free_port
from tests.production import PRODUCTION
from tests.waiting import wait_until

TOKEN = "a-token-of-our-own"


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return each series' value by its name and its labels' values: ("taboor_queue_jobs", "orders", "waiting")."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def api(database_url: str, redis: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    with ApiProcess(tmp_path, database_url, redis.url) as process:
        yield process


def test_requests_are_counted_by_route_and_status_and_never_by_id(api: ApiProcess) -> None:
    # Given requests for two orders, for nothing that there is, and by a method that nothing has
    layla = api.customer()
    for _ in range(2):
        assert layla.get(f"/orders/{new_id()}").status_code == 404
    api.http.get("/walnut-desk")
    api.http.request("PROPFIND", "/products")
    # When
    told = samples(api.http.get("/metrics").raise_for_status().text)
    # Then
    assert told["taboor_http_requests_total", "GET", "/orders/{order_id}", "404"] == 2
    assert told["taboor_http_requests_total", "GET", "none", "404"] == 1
    assert told["taboor_http_request_seconds_count", "GET", "/orders/{order_id}"] == 2
    assert 0 < told["taboor_http_request_seconds_sum", "GET", "/orders/{order_id}"] < 5
    assert {series[1] for series in told if series[0] == "taboor_http_requests_total"} == {"GET", "other"}
    assert told["process_cpu_seconds_total",] > 0


def test_the_api_tells_what_is_open_and_since_when_nobody_looks(api: ApiProcess) -> None:
    # Given
    api.sql("insert into alerts (id, rule, subject, detail) values (%s, 'queue_waits', 'orders', '')", new_id())
    job = new_id()
    api.sql(
        "insert into jobs (id, name, queue, args, state, finished_at)"
        " values (%s, 'evaluate_alerts', 'orders', '[]', 'succeeded', clock_timestamp() - interval '1 hour')",
        job,
    )
    api.sql("insert into schedule_slots (task, slot, job_id) values ('alerts', clock_timestamp(), %s)", job)
    # When
    told = samples(api.http.get("/metrics").text)
    # Then
    assert told["taboor_alerts_open", "queue_waits"] == 1
    assert told["taboor_alerts_looked_seconds_ago",] == pytest.approx(3600, abs=60)


def test_in_production_they_are_for_who_has_the_token(database_url: str, redis: RedisServer, tmp_path: Path) -> None:
    # Given an API without a token, and one with
    for token, statuses in (("", [404, 404, 404]), (TOKEN, [404, 404, 200])):
        with ApiProcess(tmp_path, database_url, redis.url, {**PRODUCTION, "METRICS_TOKEN": token}) as api:
            # When / Then
            given: list[dict[str, str]]
            given = [{}, {"Authorization": "Bearer another"}, {"Authorization": f"Bearer {TOKEN}"}]
            assert [api.http.get("/metrics", headers=headers).status_code for headers in given] == statuses


def test_counting_costs_next_to_nothing() -> None:
    scope = {"method": "GET", "route": type("Route", (), {"path": "/benchmark/{id}"})}
    began = time.process_time()
    for _ in range(2000):
        metrics.count(scope, 200, 0.002)
    assert (time.process_time() - began) / 2000 < 0.00005


@pytest.fixture
def port(ledger: Ledger) -> int:
    """Where a relay that starts from now on answers."""
    port = free_port()
    ledger.set(relay_metrics_port=port)
    return port


def ask(port: int) -> dict[Any, float]:
    try:
        return samples(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=10).text)
    except httpx.TransportError:
        return {}


LOST = """
insert into jobs (id, name, queue, args, state, attempt, worker, started_at, queued_at, lease_until)
values (gen_random_uuid(), 'do_nothing', 'media', '[]', 'running', 1, 'dead', clock_timestamp(), null,
        clock_timestamp() - interval '1 s'),
       (gen_random_uuid(), 'do_nothing', 'media', '[]', 'queued', 0, null, null,
        clock_timestamp() - interval '9 s', null)
"""


def test_a_relay_tells_of_its_work_and_of_the_queues(ledger: Ledger, port: int) -> None:
    # Given a fact, a dead worker's job and a message that Redis lost
    ledger.place(1042)
    ledger.connection.execute(LOST)
    # When a relay is at work
    ledger.relay()
    told = wait_until(lambda: done if all((done := ask(port)).get(one) for one in WORK) else {}, 20)
    # Then
    assert told["taboor_relay_facts_expanded_total",] == told["taboor_relay_facts_streamed_total",] == 1
    assert told["taboor_relay_lost_leases_total",] == told["taboor_relay_lost_messages_total",] == 1
    assert told["taboor_figures_up",] == 1
    assert told["taboor_queue_jobs", "media", "waiting"] == 2
    assert told["taboor_queue_attempts_5m", "lost", "media"] == 1
    assert told["taboor_job_jobs", "do_nothing", "waiting"] == 2


WORK = [
    ("taboor_relay_facts_expanded_total",),
    ("taboor_relay_facts_streamed_total",),
    ("taboor_relay_jobs_handed_over_total",),
    ("taboor_relay_lost_leases_total",),
    ("taboor_relay_lost_messages_total",),
]


def test_percentiles_come_with_their_quantile(ledger: Ledger, port: int) -> None:
    # Given a job that ran for a second
    job = new_id()
    ledger.rows(
        "insert into jobs (id, name, args, state) values (%s, 'send_mail', '[]', 'succeeded') returning 1", (job,)
    )
    ledger.rows(
        "insert into job_attempts (job_id, attempt, outcome, due_at, started_at, finished_at) values"
        " (%s, 1, 'succeeded', now() - interval '3 s', now() - interval '1 s', now()) returning 1",
        (job,),
    )
    # When
    ledger.relay()
    told = wait_until(lambda: ask(port), 20)
    # Then
    assert told["taboor_job_run_seconds", "send_mail", "0.95"] == pytest.approx(1)
    assert told["taboor_queue_wait_seconds", "0.5", "default"] == pytest.approx(2)


@pytest.mark.usefixtures("port")
def test_a_taken_port_stops_no_relay(ledger: Ledger) -> None:
    # Given two relays that are told the same port
    first, second = ledger.relay(), ledger.relay()
    wait_until(lambda: "nobody can ask for metrics" in first.said() + second.said(), 20)
    # When / Then both work on
    ledger.place(1042)
    wait_until(ledger.all_expanded)
    assert first.alive()
    assert second.alive()


def test_without_a_database_only_that_is_told(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgresql://taboor@127.0.0.1:9/taboor")
    settings.cache_clear()
    assert [(family.name, family.samples[0].value) for family in Queues().collect()] == [("taboor_figures_up", 0)]
