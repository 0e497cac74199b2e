"""Orders from placed to told, as fast as they go: our check-out, the peer's jobs, and with everything on."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx

from benchmarks import doubles, peer, same
from benchmarks.figures import Figure, alternate, ratio
from benchmarks.ground import Crew, Ground, free_port, wait_until
from benchmarks.shop import Shop
from shared.db.engine import Connection

ORDERS = 600
ROUNDS = 3
UNITS, THREADS = 2, 8
QUEUES = "orders,notifications,default"

# What belongs to the orders and is not for later: expiry and shipment are.
WORK = "aggregate_id is not null and name not in ('expire_order', 'ship_order')"
LEFT = """
select exists (select from events where position is null)
    or exists (select from jobs where state = 'queued') or exists (select from jobs where state = 'running')
    or exists (select from jobs where state = 'scheduled' and name not in ('expire_order', 'ship_order'))
"""
CLOCK = f"""
select extract(epoch from max(finished_at) - min(started_at))::float8 as seconds, count(*) as jobs,
       count(*) filter (where state <> 'succeeded') as others, max(attempt) as attempts,
       (select count(*) from orders where status = 'confirmed') as confirmed
from jobs where {WORK}
"""

SAME_CLOCK = """
select extract(epoch from max(finished_at) - min(started_at))::float8 as seconds,
       count(*) filter (where state = 'succeeded') as jobs, (select count(*) from peer.notifications) as told
from jobs
"""

Run = tuple[float, dict[str, float]]


def run(ground: Ground) -> Iterator[Figure]:
    runs = {
        "ours": lambda: drained(ground),
        "same": lambda: same_jobs_drained(ground),
        "all": lambda: drained(ground, everything=True),
    }
    if not peer.missing():
        runs = {"peer": lambda: peer.drain(ground, ORDERS), **runs}
    results = alternate(ROUNDS, runs)
    rates = {name: [rate for rate, _ in runs] for name, runs in results.items()}
    yield Figure(
        "our check-out, the world outside as rows", median(rates["ours"]), "orders/s", note=cpu_note(results["ours"])
    )
    if peer.missing():
        yield Figure(
            "Laravel, its three jobs an order",
            None,
            "orders/s",
            note="the peer is not installed: see benchmarks/peer.py",
        )
    else:
        yield Figure(
            "Laravel, its three jobs an order", median(rates["peer"]), "orders/s", note=cpu_note(results["peer"])
        )
        yield Figure("our check-out / Laravel", ratio(rates["ours"], rates["peer"]), "x", aim=2.0)
    yield Figure(
        "the peer's three jobs on our ledger", median(rates["same"]), "orders/s", note=cpu_note(results["same"])
    )
    if not peer.missing():
        yield Figure("the peer's three jobs, ours / Laravel", ratio(rates["same"], rates["peer"]), "x", aim=2.0)
    yield Figure("orders with everything on", median(rates["all"]), "orders/s", note=cpu_note(results["all"]))


def drained(ground: Ground, orders: int = ORDERS, *, everything: bool = False) -> Run:
    """Place orders, then drain them; return orders/s and CPU milliseconds an order, by kind."""
    with ground.living(**addresses()) as connection:
        doubles.prepare(connection)
        Shop(connection).place(orders)
        with workers(ground, everything=everything) as crew:
            wait_until(crew, lambda: _first(connection, BEGUN), every=0.05)
            crew.zero()
            wait_until(crew, lambda: not _first(connection, LEFT), every=0.2)
            cpu = crew.cpu()
        clock: Any = connection.execute(CLOCK).fetchone()
    assert clock.confirmed == orders, clock
    assert not clock.others, clock
    return orders / clock.seconds, {kind: seconds * 1000 / orders for kind, seconds in cpu.items()}


BEGUN = "select exists (select from jobs where state in ('queued', 'running'))"


def same_jobs_drained(ground: Ground, orders: int = ORDERS) -> Run:
    """Drain orders of the peer's own three jobs; as `drained`."""
    with ground.living() as connection:
        same.place(connection, orders)
        with workers(ground, everything=False) as crew:
            wait_until(crew, lambda: _first(connection, BEGUN), every=0.05)
            crew.zero()
            wait_until(crew, lambda: not _first(connection, LEFT), every=0.2)
            cpu = crew.cpu()
        clock: Any = connection.execute(SAME_CLOCK).fetchone()
    assert (clock.jobs, clock.told) == (3 * orders, 2 * orders), clock
    return orders / clock.seconds, {kind: seconds * 1000 / orders for kind, seconds in cpu.items()}


@contextmanager
def workers(ground: Ground, *, everything: bool) -> Iterator[Crew]:
    """One relay and two units, as in the demo; with the outside world, or rows in its place."""
    outside = [] if everything else ["rows"]
    with Crew(ground) as crew:
        if everything:
            database = str(ground.folder / f"sandbox-{free_port()}.sqlite3")
            crew.start("sandbox", ["services.sandbox"], {"SANDBOX_DATABASE": database})
            wait_until(crew, _sandbox_answers)
        for number in range(UNITS):
            crew.start("worker", ["benchmarks.process", "unit", f"fast-{number}", QUEUES, str(THREADS), *outside])
        crew.start("relay", ["benchmarks.process", "relay"])
        yield crew


def addresses() -> dict[str, str]:
    """Return settings for a sandbox of one's own, whose webhooks nobody hears."""
    port, smtp = free_port(), free_port()
    sandbox = f"http://127.0.0.1:{port}"
    return {
        "SANDBOX_PORT": str(port),
        "SANDBOX_SMTP_PORT": str(smtp),
        "STRIPE_API_BASE": sandbox,
        "TWILIO_API_BASE": sandbox,
        "SMTP_URL": f"smtp://127.0.0.1:{smtp}",
        "PUBLIC_URL": "http://127.0.0.1:9",
    }


def cpu_note(runs: list[Run]) -> str:
    """Say what CPU an order took."""
    kinds = runs[0][1]
    return ", ".join(f"{kind} {median(cpu[kind] for _, cpu in runs):.2f}" for kind in kinds) + " ms CPU an order"


def _sandbox_answers() -> bool:
    from shared.config import settings  # noqa: PLC0415 - of this run

    try:
        httpx.get(f"{settings().stripe_api_base}/v1/payment_intents", trust_env=False, timeout=1)
    except httpx.TransportError:
        return False
    return True


def _first(connection: Connection, question: str) -> int:
    row = connection.execute(question).fetchone()
    return int(row[0]) if row else 0
