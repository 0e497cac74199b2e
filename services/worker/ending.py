"""How the jobs are run that end an order early: patient with the gateway, and people are called when one fails."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.worker.alerts import calls_operators
from services.worker.gateway import RefundFailed
from shared.jobs.job import JobType, job

#: The gateway may be away for long; until it answers, an order's money and stock stay as they are.
A_WEEK = timedelta(days=7)
PATIENT = (1, 5, 30, 120, 600)


def ending_job(function: Callable[..., Any]) -> JobType:
    """Make a job of a function that takes an order through the gate."""
    return job(
        queue="orders",
        retry_until=A_WEEK,
        backoff=PATIENT,
        timeout=30,
        never_retry=(RefundFailed,),
        failed=calls_operators(function.__name__),
    )(function)
