"""`rate_limited`: no more than so many starts in so many seconds, counted by keys that jobs of every kind share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.db.engine import Connection
from shared.db.sql import pruning
from shared.db.transaction import Transaction, transaction
from shared.jobs import middleware_sql as sql
from shared.jobs.job import Middleware
from shared.jobs.middleware.aside import put_aside
from shared.jobs.middleware.pace import Rate, Used, ask
from shared.jobs.running import Running


@dataclass(frozen=True, slots=True)
class Limit:
    """No more than `times` starts in any window of so many seconds: `Limit("twilio", 10)`.

    key: a word, or a function of the job's arguments: `lambda user_id: f"user:{user_id}"`.
    times: a number, or a function that reads it from the settings.
    burst: how many may start at once, at the expense of the pace that follows; without it what a quarter second allows.
    """

    key: str | Callable[..., str]
    times: int | Callable[[], int]
    seconds: float = 1
    burst: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.times, int):  # a limit that cannot be is refused when it is written down
            Rate.of(str(self.key), self.times, self.seconds, self.burst)

    def rate(self, arguments: Sequence[Any]) -> Rate:
        key = self.key if isinstance(self.key, str) else self.key(*arguments)
        times = self.times if isinstance(self.times, int) else self.times()
        return Rate.of(key, times, self.seconds, self.burst)


def rate_limited(*limits: Limit, skip: bool = False) -> Middleware:
    """Put the job aside until all limits have room; only then it takes from any of them.

    skip: it is skipped instead of put aside.
    """
    if not limits:
        raise ValueError("rate_limited() needs a limit")

    def layer(job: Running, proceed: Callable[[], None]) -> None:
        rates = {rate.key: rate for rate in (limit.rate(job.arguments) for limit in limits)}
        if len(rates) < len(limits):
            raise ValueError(f"{job.name}: two of its limits have the same key, of {', '.join(rates)}")
        if waits := _start(job.connection, rates, lines_up=not skip):
            rate, wait = waits
            seconds = wait.total_seconds()
            reason = f"rate limited: {rate.key}, {seconds:.1f} s"
            raise put_aside(seconds, reason, jitter=rate.gap.total_seconds() / 10, skip=skip)
        proceed()

    return layer


def _start(connection: Connection, rates: dict[str, Rate], *, lines_up: bool) -> tuple[Rate, timedelta] | None:
    """Take one start from each, or a place in the line of one; return which, and how long that is."""
    keys = sorted(rates)  # whoever wants the same ones locks them in the same order
    with transaction(connection) as tx:
        tx.execute(sql.HOLD_RATES, (keys,))
        rows = tx.all(sql.READ_RATES, (keys,))
        now = rows[0].now
        after, place = ask({rates[row.key]: Used(row.full_at, row.line_until) for row in rows}, now)
        if place is None or lines_up:
            tx.execute(sql.WRITE_RATES, _columns(after))
    return None if place is None else (place.rate, place.at - now)


def _columns(used: dict[Rate, Used]) -> dict[str, list[Any]]:
    return {
        "keys": [rate.key for rate in used],
        "full": [each.full_at for each in used.values()],
        "lines": [each.line_until for each in used.values()],
    }


def prune(tx: Transaction) -> bool:
    """Forget some of the rates of which nothing has been used up for an hour; say whether there may be more."""
    return pruning.delete(tx, sql.PRUNE_RATES)
