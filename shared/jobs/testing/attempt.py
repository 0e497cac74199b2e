"""Make one attempt of a job's function without the ledger, and tell how it would end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.db.engine import Connection, connect
from shared.ids import new_id
from shared.jobs.failure import backoff, is_final
from shared.jobs.job import JobType, row
from shared.jobs.outcomes import EndChain, Release, Skip
from shared.jobs.running import Inline, call

SUCCEEDED, RELEASED, SKIPPED = "succeeded", "released", "skipped"
ENDED_CHAIN, RETRYING, FAILED = "ended its chain", "retrying", "failed"


class Watched(Inline):
    """An attempt without a row, which remembers what its function said."""

    def __init__(self, kind: JobType, args: Sequence[Any], connection: Connection, **more: Any) -> None:
        super().__init__(kind.name, args, connection)
        self.claimed = replace(self.claimed, id=new_id(), queue=kind.queue, tries=kind.tries, lost=0, **more)
        self.told: list[int] = []

    def progress(self, percent: int) -> None:
        self.told.append(percent)


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt ended.

    how: one of the words above; `retrying` is a failure after which it is tried again.
    seconds: until it would run again.
    progress: what it said of how far it is.
    """

    job: str
    how: str
    reason: str | None = None
    seconds: float | None = None
    error: BaseException | None = None
    progress: tuple[int, ...] = ()

    def assert_succeeded(self) -> None:
        self._is(SUCCEEDED)

    def assert_released(self, seconds: float | timedelta | None = None, reason: str | None = None) -> None:
        """Expect that it asked to be tried later, in so many seconds, for that reason."""
        wanted = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._is(RELEASED, reason, wanted in (None, self.seconds))

    def assert_skipped(self, reason: str | None = None) -> None:
        self._is(SKIPPED, reason)

    def assert_ended_chain(self, reason: str | None = None) -> None:
        self._is(ENDED_CHAIN, reason)

    def assert_retrying(self, error: type[BaseException] = BaseException) -> None:
        """Expect that it failed with such an error and is tried again."""
        self._is(RETRYING, None, isinstance(self.error, error))

    def assert_failed(self, error: type[BaseException] = BaseException, reason: str | None = None) -> None:
        """Expect that it failed for good, with such an error."""
        self._is(FAILED, reason, isinstance(self.error, error))

    def _is(self, how: str, reason: str | None = None, fits: bool = True) -> None:
        if self.how != how or reason not in (None, self.reason) or not fits:
            raise AssertionError(f"expected {how}{f': {reason}' if reason else ''}, but {self}") from self.error

    def __str__(self) -> str:
        when = f", again in {self.seconds:g} s" if self.seconds is not None else ""
        return f"{self.job} {self.how}{f': {self.reason}' if self.reason else ''}{when}"


def attempt(
    kind: JobType, *args: Any, failures: int = 0, batch_id: UUID | None = None, middleware: bool = False
) -> Attempted:
    """Run a job's function here and tell how its attempt ended; what it wrote in its transactions is committed.

    failures: how often it has failed before, so that this try may be the last.
    batch_id: the batch it is a member of.
    middleware: also run what is around the function.
    """
    stored = row(kind.message(*args))["args"]
    around = kind if middleware else replace(kind, middleware=())
    with connect() as connection:
        running = Watched(kind, stored, connection, batch_id=batch_id, attempt=failures + 1, failures=failures)
        try:
            call(around, running, stored)
        except (EndChain, Skip, Release) as outcome:
            ended = _said(kind, outcome)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
            ended = _failed(kind, running, error)
        else:
            ended = Attempted(kind.name, ENDED_CHAIN if running.ended else SUCCEEDED, running.ended)
        return replace(ended, progress=tuple(running.told))


def _said(kind: JobType, outcome: EndChain | Skip | Release) -> Attempted:
    if isinstance(outcome, Release):
        return Attempted(kind.name, RELEASED, str(outcome), outcome.seconds)
    return Attempted(kind.name, SKIPPED if isinstance(outcome, Skip) else ENDED_CHAIN, str(outcome))


def _failed(kind: JobType, running: Watched, error: Exception) -> Attempted:
    if is_final(kind, running.claimed, error):
        return Attempted(kind.name, FAILED, str(error), error=error)
    seconds = backoff(kind, running.claimed.failures)
    return Attempted(kind.name, RETRYING, repr(error), seconds, error)
