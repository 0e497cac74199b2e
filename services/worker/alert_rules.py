"""ONE TABLE: when operators are called. Each rule looks once a minute and yields what is not as it should be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
import structlog

from services.worker.alerting import judge
from services.worker.alerts import CALLING
from shared.config import Settings, settings
from shared.db.sql import stalled
from shared.db.sql.alerts import Seen
from shared.db.transaction import Transaction
from shared.jobs.figures import WINDOWS, QueueFigures, Report, report
from shared.jobs.job import job

log = structlog.get_logger()

# All of them look in one transaction, which may take 4 s.
A_RULES_TIME = "set local statement_timeout = '1s'"
AS_EVER = "set local statement_timeout to default"


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule may look at."""

    tx: Transaction
    figures: Report
    limits: Settings

    def waiting(self) -> Iterator[tuple[QueueFigures, float]]:
        """Yield the queues with due jobs that nobody paused, and the age of the oldest."""
        for queue in self.figures.queues:
            if queue.oldest_seconds is not None and not queue.paused:
                yield queue, queue.oldest_seconds

    def bad(self) -> list[tuple[str, int, int]]:
        """Return each job whose attempts failed or were lost in the window, and how many of each."""
        return [tuple(row) for row in self.tx.all(stalled.BAD, {"window": self.figures.window_seconds})]

    def good(self, name: str) -> int:
        """Return how many of a job's attempts succeeded: the figures may reach back for a part of the window only."""
        whole = self.figures.window_seconds / max(self.figures.covers_seconds, 0.1)
        return round(sum(one.succeeded for one in self.figures.jobs if one.name == name) * whole)

    def rows(self, statement: str, **more: object) -> Iterator[tuple[str, str]]:
        """Yield what a statement of `stalled` finds."""
        limits = self.limits
        values = {"patience": limits.alert_stalled_seconds, "reservation": limits.reservation_seconds, **more}
        for row in self.tx.all(statement, values):
            yield row.subject, f"{row.number}, one of them {row.example}"


#: Yields (subject, detail): the queue, job or fact it is about, and what was seen.
Rule = Callable[[Look], Iterator[tuple[str, str]]]


def unmanned(look: Look) -> Iterator[tuple[str, str]]:
    for queue, age in look.waiting():
        if not queue.threads and age > look.limits.alert_silent_seconds:
            yield queue.name, f"{queue.waiting} jobs wait, the oldest for {age:.0f} s"


def silent(look: Look) -> Iterator[tuple[str, str]]:
    for queue, age in look.waiting():
        at_work = queue.running or queue.attempts
        if queue.threads and not at_work and age > look.limits.alert_silent_seconds:
            yield queue.name, f"{queue.waiting} jobs wait, {queue.threads} threads do nothing"


def waits(look: Look) -> Iterator[tuple[str, str]]:
    for queue, age in look.waiting():
        at_work = queue.threads and (queue.running or queue.attempts)
        if at_work and age > look.limits.alert_waiting_seconds:
            yield queue.name, f"{queue.waiting} jobs wait, the oldest for {age:.0f} s"


def fails(look: Look) -> Iterator[tuple[str, str]]:
    for name, failed, lost in look.bad():
        ended = failed + lost + look.good(name)
        if ended >= look.limits.alert_failure_attempts and (failed + lost) / ended >= look.limits.alert_failure_rate:
            yield name, f"{failed + lost} of {ended} attempts failed"


def dies(look: Look) -> Iterator[tuple[str, str]]:
    for name, _, lost in look.bad():
        if lost >= look.limits.alert_lost_attempts:
            yield name, f"{lost} attempts ended with their worker"


def task_fails(look: Look) -> Iterator[tuple[str, str]]:
    for row in look.tx.all(stalled.TASKS):
        yield row.subject, f"its last run failed: {row.error}"


RULES: Mapping[str, Rule] = {
    "queue_unmanned": unmanned,  # jobs are due, and no live unit serves their queue
    "queue_silent": silent,  # units serve it, and nothing runs or ends
    "queue_waits": waits,  # it moves, and too slowly
    "job_fails": fails,
    "job_dies": dies,
    "task_fails": task_fails,  # what is due by the clock
    "order_stuck": lambda look: look.rows(stalled.FAILED, names=sorted(CALLING)),  # until it is retried or forgotten
    "orders_late": lambda look: look.rows(stalled.ORDERS),
    "payment_unknown": lambda look: look.rows(stalled.PAYMENTS),
    "chain_blocked": lambda look: look.rows(stalled.CHAINS),
    "event_parked": lambda look: look.rows(stalled.PARKED),
    "facts_wait": lambda look: look.rows(stalled.FACTS),
    "disk_full": lambda look: look.rows(stalled.DISK),
}


# On the queue that units serve first: what watches the others must not wait behind them.
@job(queue="orders", tries=3, backoff=(5,), timeout=30, unique=lambda: "once")
def evaluate_alerts(tx: Transaction) -> None:
    """Look at every rule; open what is new, resolve what is over, and tell operators of both, once."""
    evaluate(tx, RULES)


def evaluate(tx: Transaction, rules: Mapping[str, Rule]) -> None:
    look = Look(tx, report(tx, WINDOWS["5m"]), settings())
    seen: list[Seen] = []
    tx.execute(A_RULES_TIME)
    looked = [name for name, rule in rules.items() if _looks(look, name, rule, seen)]
    tx.execute(AS_EVER)
    judge(tx, looked, seen)


def _looks(look: Look, name: str, rule: Rule, seen: list[Seen]) -> bool:
    """Let one rule look; a rule that breaks, or takes too long, must not silence the others, and resolves nothing."""
    found: list[tuple[str, str]] = []
    error = look.tx.attempt(lambda: found.extend(rule(look)), its_own=(psycopg.errors.QueryCanceled,))
    if error is not None:
        log.error("a rule is broken", alert="rule_broken", rule=name, exc_info=error)
        return False
    seen += [Seen(name, subject, detail) for subject, detail in found]
    return True
