"""What the API counts for Prometheus: requests and their time, by route, method and status."""

from typing import Any

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from starlette.types import Scope

disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped there; a second series that nobody reads
REQUESTS = Counter("taboor_http_requests_total", "Requests that were answered", ["method", "route", "status"])
SECONDS = Histogram(
    "taboor_http_request_seconds",
    "Seconds from a request's head to the end of its answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
STREAMS = Gauge("taboor_http_streams", "Event streams that are open")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: Finding a counter by its labels costs more than counting: they are kept. Routes, methods and statuses are few.
_kept: dict[tuple[str, str, int], tuple[Any, Any]] = {}


def count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request that was answered. Paths are told by their route: an id in them would be a series of its own."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = getattr(scope.get("route"), "path", "none")
    found = _kept.get((method, route, status))
    if found is None:
        found = REQUESTS.labels(method, route, status), SECONDS.labels(method, route)
        _kept[method, route, status] = found
    found[0].inc()
    found[1].observe(seconds)
