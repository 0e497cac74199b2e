"""`skip_when` and its like: the job succeeds without running, its chain and its batch go on, the reason is kept."""

from collections.abc import Callable

from shared.jobs import middleware_sql as sql
from shared.jobs.job import Middleware
from shared.jobs.outcomes import Skip
from shared.jobs.running import Running


def skip_when(condition: Callable[..., str | bool]) -> Middleware:
    """Skip the job when the condition holds. condition: called with the job's arguments; words are the reason."""

    def layer(job: Running, proceed: Callable[[], None]) -> None:
        if answer := condition(*job.arguments):
            raise Skip(answer if isinstance(answer, str) else f"{_name(condition)} holds")
        proceed()

    return layer


def skip_unless(condition: Callable[..., object], reason: str | None = None) -> Middleware:
    """Skip the job when the condition, called with its arguments, does not hold."""

    def layer(job: Running, proceed: Callable[[], None]) -> None:
        if not condition(*job.arguments):
            raise Skip(reason or f"{_name(condition)} does not hold")
        proceed()

    return layer


def skip_if_batch_cancelled(job: Running, proceed: Callable[[], None]) -> None:
    """Skip a member whose batch was cancelled since its attempt was claimed; before that it is not claimed at all."""
    if job.batch_id is not None:
        cancelled = job.connection.execute(sql.CANCELLED_BATCH, (job.batch_id,)).fetchone()
        if cancelled is not None:
            raise Skip(f"its batch was cancelled: {cancelled.why}")
    proceed()


def _name(condition: Callable[..., object]) -> str:
    return getattr(condition, "__name__", repr(condition))
