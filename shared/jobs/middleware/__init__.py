"""Layers around a job's function, for `@job(middleware=(…))`; the first is the outermost. See docs/middleware.md."""

from shared.jobs.middleware.breaker import throttles_exceptions
from shared.jobs.middleware.overlapping import without_overlapping
from shared.jobs.middleware.rates import Limit, rate_limited
from shared.jobs.middleware.skipping import skip_if_batch_cancelled, skip_unless, skip_when

__all__ = [
    "Limit",
    "rate_limited",
    "skip_if_batch_cancelled",
    "skip_unless",
    "skip_when",
    "throttles_exceptions",
    "without_overlapping",
]
