"""The figures tell what the rows say, exactly, and cost the same however many rows there are."""

import json
import subprocess
import sys
from typing import Any

import pytest

from shared.config import ROOT
from shared.jobs import figures_sql
from shared.jobs.figures import AT_MOST, Figures, QueueFigures, Report, report
from shared.jobs.sql import ASIDE
from tests.ledger import Ledger
from tests.ledger_jobs import break_down, do_nothing, step_aside

DUE = "clock_timestamp() - interval '7 s'"
LATER = "clock_timestamp() + interval '1 hour'"

# The n-th of them waited 2n ms and ran n ms.
ENDED = """
with ended as (
    insert into jobs (id, name, queue, args, state) select gen_random_uuid(), %(name)s, %(queue)s, '[]', 'succeeded'
    from generate_series(1, %(number)s) returning id
), numbered as (
    select id, row_number() over () as n, clock_timestamp() - make_interval(secs => %(ago)s) as at from ended
)
insert into job_attempts (job_id, attempt, outcome, due_at, started_at, finished_at)
select id, 1, %(outcome)s, at - 3 * n * interval '1 ms', at - n * interval '1 ms', at from numbered
"""


def told(ledger: Ledger, window: float = 300) -> Report:
    with ledger.transaction() as tx:
        return report(tx, window)


def queue(ledger: Ledger, window: float = 300) -> QueueFigures:
    """Return the figures of `orders`, the only queue there is."""
    (only,) = told(ledger, window).queues
    assert only.name == "orders"
    return only


def job(ledger: Ledger, name: str) -> Figures:
    return {job.name: job for job in told(ledger).jobs}[name]


def waits(ledger: Ledger, number: int, name: str = "reserve_stock", state: str = "scheduled", at: str = DUE) -> None:
    """So many open jobs are in the queue `orders`."""
    ledger.connection.execute(
        f"insert into jobs (id, name, queue, args, state, available_at) select gen_random_uuid(), '{name}', 'orders',"
        f" '[]', '{state}', {at} from generate_series(1, {number})"
    )


def ended(
    ledger: Ledger, number: int, outcome: str = "succeeded", name: str = "reserve_stock", ago: float = 10
) -> None:
    """So many attempts ended so many seconds ago."""
    values = {"number": number, "outcome": outcome, "name": name, "queue": "orders", "ago": ago}
    ledger.connection.execute(ENDED, values)


def test_a_shop_without_jobs_has_no_figures(ledger: Ledger) -> None:
    assert told(ledger) == Report(window_seconds=300, covers_seconds=300, queues=[], jobs=[])


def test_open_jobs_are_counted_by_what_they_wait_for(ledger: Ledger) -> None:
    # Given jobs of every kind
    waits(ledger, 2)
    waits(ledger, 3, "charge_payment", "queued")
    waits(ledger, 4, "charge_payment", at=LATER)
    waits(ledger, 5, "charge_payment", at=ASIDE)
    waits(ledger, 6, "confirm_order", "blocked")
    waits(ledger, 7, "confirm_order", "running")
    # When
    orders = queue(ledger)
    # Then the queue counts them all, and each job its own
    counts = (orders.waiting, orders.delayed, orders.aside, orders.blocked, orders.running)
    assert counts == (5, 4, 5, 6, 7)
    assert orders.oldest_seconds == pytest.approx(7, abs=2)
    assert (job(ledger, "reserve_stock").waiting, job(ledger, "reserve_stock").delayed) == (2, 0)
    assert (job(ledger, "charge_payment").waiting, job(ledger, "charge_payment").aside) == (3, 5)
    assert job(ledger, "confirm_order").oldest_seconds is None


def test_percentiles_are_exact(ledger: Ledger) -> None:
    # Given a hundred attempts that ran 1, 2, … 100 ms, and waited twice as long
    ended(ledger, 100)
    # When
    orders = queue(ledger)
    # Then
    assert orders.run is not None
    assert orders.wait is not None
    assert (orders.run.p50, orders.run.p95, orders.run.p99) == pytest.approx((0.0505, 0.09505, 0.09901))
    assert (orders.wait.p50, orders.wait.p95, orders.wait.p99) == pytest.approx((0.101, 0.1901, 0.19802))
    assert orders.per_minute == pytest.approx(20)
    assert orders.failure_rate == 0


def test_a_death_is_a_failure_and_a_release_is_none(ledger: Ledger) -> None:
    # Given
    for outcome, number in (("succeeded", 6), ("failed", 3), ("lost", 1), ("released", 40), ("cancelled", 1)):
        ended(ledger, number, outcome)
    # When
    orders = queue(ledger)
    # Then
    assert (orders.attempts, orders.succeeded, orders.failed, orders.lost, orders.released) == (51, 6, 3, 1, 40)
    assert orders.failure_rate == pytest.approx(0.4)
    # And only what came to its end by itself has a time that it ran
    assert orders.run is not None
    assert orders.run.p99 < 0.007


@pytest.mark.parametrize(("window", "seen"), [(60, 1), (300, 3), (3600, 7)])
def test_a_window_sees_what_ended_in_it(ledger: Ledger, window: float, seen: int) -> None:
    # Given attempts that ended half a minute, two minutes, half an hour and two hours ago
    for number, ago in ((1, 30), (2, 120), (4, 1800), (8, 7200)):
        ended(ledger, number, ago=ago)
    # When / Then
    assert queue(ledger, window).attempts == seen


def test_real_jobs_are_told_of_as_they_went(ledger: Ledger) -> None:
    # Given one job that succeeds, one that fails for good, one that is put off once
    for kind in (do_nothing, break_down, step_aside):
        ledger.dispatch(kind, *(() if kind is do_nothing else ("the lamp",)))
    # When
    ledger.work()
    # Then
    report = told(ledger)
    by_name = {job.name: job for job in report.jobs}
    assert by_name["do_nothing"].succeeded == 1
    assert by_name["break_down"].failure_rate == 1
    assert by_name["step_aside"].released >= 1
    assert by_name["do_nothing"].wait is not None
    assert by_name["do_nothing"].wait.p50 >= 0


def test_a_queue_is_known_by_its_workers_and_its_pause(ledger: Ledger) -> None:
    # Given a live unit, one that was last seen a minute ago, and a paused queue
    seen = (
        "insert into workers (id, unit, host, pid, queues, threads, seen_at) values (%s, '', '', 1, %s, %s, now() - %s)"
    )
    for name, ago in (("live", 0), ("dead", 60)):
        ledger.connection.execute(seen.replace("- %s", f"- interval '{ago} s'"), (name, ["orders"], 4))
    ledger.connection.execute("insert into paused_queues (queue, paused_by) values ('orders', 'Nour')")
    # When / Then
    assert (queue(ledger).threads, queue(ledger).paused) == (4, True)


# --- however many rows there are ---


def test_counting_and_looking_back_stop_at_a_limit_and_say_so(ledger: Ledger) -> None:
    # Given more of everything than anybody counts
    many = AT_MOST + 500
    waits(ledger, many)
    waits(ledger, many, at=LATER)
    ended(ledger, many, ago=240)
    ended(ledger, AT_MOST, "failed", ago=20)
    # When
    report = told(ledger)
    # Then
    (orders,) = report.queues
    assert (orders.waiting, orders.delayed, report.at_most) == (AT_MOST, AT_MOST, AT_MOST)
    assert orders.oldest_seconds == pytest.approx(7, abs=5)
    # And what is told of the past is told of its newest part
    assert report.covers_seconds == pytest.approx(20, abs=10)
    assert orders.failure_rate == 1


@pytest.mark.parametrize("by_key", [False, True], ids=["as the API plans it", "as the relay plans it"])
def test_no_plan_reads_more_than_the_limit(ledger: Ledger, by_key: bool) -> None:
    # Given
    waits(ledger, 3 * AT_MOST)
    ended(ledger, 3 * AT_MOST)
    ledger.connection.execute("analyze jobs, job_attempts")
    if by_key:
        ledger.connection.execute("set plan_cache_mode = force_generic_plan")
    values = {"window": 3600, "points": [0.5]}
    # When
    with ledger.transaction() as tx:
        tx.execute(figures_sql.BY_INDEX)
        plans = [
            tx.one(f"explain (analyze, format json) {statement}", values)[0][0]["Plan"]
            for statement in (figures_sql.OPEN, figures_sql.ENDED)
        ]
    # Then
    reads = [node for plan in plans for node in scans(plan)]
    assert len(reads) > 6
    assert max(node["Actual Rows"] * node["Actual Loops"] for node in reads) == AT_MOST
    assert {node["Node Type"] for node in reads} <= {"Index Scan", "Index Only Scan"}


def scans(node: Any) -> list[Any]:
    """Return the parts of a plan that read a table of the ledger."""
    own = [node] if node.get("Relation Name") in ("jobs", "job_attempts") else []
    return own + [part for child in node.get("Plans", []) for part in scans(child)]


def test_they_are_told_in_the_terminal(ledger: Ledger) -> None:
    # Given
    waits(ledger, 2)
    ended(ledger, 3, "failed")
    # When
    for_people, as_json = (run_figures(*options) for options in ((), ("--json", "--window", "1m")))
    # Then
    assert "reserve_stock" in for_people
    assert "100.0%" in for_people
    (orders,) = json.loads(as_json)["queues"]
    assert (orders["name"], orders["waiting"], orders["failed"]) == ("orders", 2, 3)


def run_figures(*options: str) -> str:
    command = [sys.executable, "-m", "services.worker", "figures", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
