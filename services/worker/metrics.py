"""What the relay counts for Prometheus, and the queues' figures, read from the rows when they are asked for."""

from collections.abc import Iterable, Iterator

import psycopg
import structlog
from prometheus_client import REGISTRY, Counter, Gauge, disable_created_metrics, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.config import settings
from shared.db.engine import connect
from shared.db.transaction import transaction
from shared.jobs.figures import Figures, QueueFigures, Report, report

log = structlog.get_logger()

disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped there; a second series that nobody reads
EXPANDED = Counter("taboor_relay_facts_expanded_total", "Facts that were expanded into jobs")
HANDED_OVER = Counter("taboor_relay_jobs_handed_over_total", "Jobs that were handed over to Redis")
WRITTEN = Counter("taboor_relay_facts_streamed_total", "Facts that were written to the live stream")
LOST_MESSAGES = Counter("taboor_relay_lost_messages_total", "Messages that Redis lost, found by their jobs' rows")
LOST_LEASES = Counter("taboor_relay_lost_leases_total", "Jobs whose worker died or froze")
LEADS = Gauge("taboor_relay_leads", "1 if its last turn was the leader's")

STATES = ("waiting", "delayed", "aside", "blocked", "running")
OUTCOMES = ("succeeded", "failed", "lost", "released")
POINTS = {"0.5": "p50", "0.95": "p95", "0.99": "p99"}


def serve() -> None:
    """Answer Prometheus on a port of its own, in a thread of its own, if the settings name one."""
    if not (port := settings().relay_metrics_port):
        return
    try:
        start_http_server(port, settings().bind_host)
    except OSError as error:  # the port is taken: the shop's work is not to wait for that
        log.error("nobody can ask for metrics", alert="metrics_port", port=port, error=str(error))  # noqa: TRY400 - says all
    else:
        REGISTRY.register(Queues())


class Queues(Collector):
    """The figures of the last five minutes; while PostgreSQL does not answer only that is told."""

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing: registering must not ask PostgreSQL."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with connect() as connection, transaction(connection) as tx:
                told = report(tx)
        except psycopg.Error:
            yield GaugeMetricFamily("taboor_figures_up", "1 if the figures below could be read", value=0)
            return
        yield GaugeMetricFamily("taboor_figures_up", "1 if the figures below could be read", value=1)
        yield from of_queues(told)
        yield from of_all("queue", told.queues)
        yield from of_all("job", told.jobs)


def of_queues(told: Report) -> Iterator[GaugeMetricFamily]:
    threads = GaugeMetricFamily("taboor_queue_threads", "Threads of live workers", labels=["queue"])
    paused = GaugeMetricFamily("taboor_queue_paused", "1 if operators paused it", labels=["queue"])
    for queue in told.queues:
        threads.add_metric([queue.name], queue.threads)
        paused.add_metric([queue.name], queue.paused)
    yield from (threads, paused)


def of_all(what: str, rows: Iterable[Figures | QueueFigures]) -> Iterator[GaugeMetricFamily]:
    """Yield what is told of each queue, or of each job."""
    opened = GaugeMetricFamily(f"taboor_{what}_jobs", "Open jobs, counted up to 10000", labels=[what, "state"])
    ended = GaugeMetricFamily(f"taboor_{what}_attempts_5m", "Attempts of five minutes", labels=[what, "outcome"])
    oldest = GaugeMetricFamily(f"taboor_{what}_oldest_seconds", "Since when the oldest is due", labels=[what])
    wait = GaugeMetricFamily(f"taboor_{what}_wait_seconds", "From due to started", labels=[what, "quantile"])
    run = GaugeMetricFamily(f"taboor_{what}_run_seconds", "From started to its end", labels=[what, "quantile"])
    for row in rows:
        for state in STATES:
            opened.add_metric([row.name, state], getattr(row, state))
        for outcome in OUTCOMES:
            ended.add_metric([row.name, outcome], getattr(row, outcome))
        oldest.add_metric([row.name], row.oldest_seconds or 0)
        for family, times in ((wait, row.wait), (run, row.run)):
            for quantile, point in POINTS.items() if times else ():
                family.add_metric([row.name, quantile], getattr(times, point))
    yield from (opened, ended, oldest, wait, run)
