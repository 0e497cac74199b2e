"""Lecture, best practice 2: monitor your queues.

    php artisan horizon                                        GET /queues/figures, GET /jobs, GET /alerts
    php artisan queue:failed                                   python -m services.worker jobs failed
    php artisan queue:monitor redis:default --max=100          the table of rules in services/worker/alert_rules.py
    php artisan queue:prune-failed --hours=48                  python -m services.worker jobs prune --older-than 48h

The lecture names Horizon and shows none of it. Here all figures are read from the rows when somebody asks, so that they
need no clock of their own; and a rule that finds something calls the operators, once.
"""

from datetime import timedelta
from typing import Any

import pytest

from services.worker.alert_rules import evaluate_alerts
from services.worker.alerting import mail_operator, tell_operator
from shared.ids import new_id
from shared.jobs.figures import QueueFigures, report
from shared.jobs.pruning import prune
from shared.jobs.testing import attempt, drain, recording
from tests.ledger import Ledger
from tests.ledger_jobs import break_down, write_down

AGED = "update jobs set available_at = available_at - %s"


@pytest.fixture
def operator(ledger: Ledger) -> Any:
    """Nour, who is called."""
    nour = new_id()
    ledger.connection.execute(
        "insert into users (id, email, name, role, password_hash)"
        " values (%s, 'nour@example.com', 'نور', 'operator', '')",
        (nour,),
    )
    return nour


def queue(ledger: Ledger) -> QueueFigures:
    with ledger.transaction() as tx:
        [only] = report(tx).queues
    return only


def test_a_queue_tells_what_waits_and_how_it_goes(ledger: Ledger) -> None:
    # Given two jobs that went well and one that failed for good, which is told of by a further one
    for what in ("walnut-desk", "oak-chair"):
        ledger.dispatch(write_down, what)
    ledger.dispatch(break_down, "the vase")
    drain(ledger.connection)
    # And two that wait, one of them for its time
    ledger.dispatch(write_down, "brass-lamp")
    ledger.dispatch(write_down, "next week", delay=7 * 86400)
    # Then the figures say so
    default = queue(ledger)
    assert (default.name, default.waiting, default.delayed, default.running) == ("default", 1, 1, 0)
    assert (default.succeeded, default.failed, default.failure_rate) == (3, 1, 0.25)
    assert default.wait is not None
    assert default.run is not None


def test_a_queue_that_nobody_serves_calls_the_operators_once(ledger: Ledger, operator: Any) -> None:
    # Given a job that is due since two minutes, and no worker
    ledger.dispatch(write_down, "walnut-desk")
    ledger.connection.execute(AGED, (timedelta(minutes=2),))
    # When the rules are looked at twice
    with recording() as jobs:
        attempt(evaluate_alerts).assert_succeeded()
        attempt(evaluate_alerts).assert_succeeded()
    # Then the operator is called once by each channel
    [alert] = ledger.rows("select id, rule, subject from alerts")
    assert (alert.rule, alert.subject) == ("queue_unmanned", "default")
    for channel in (mail_operator, tell_operator):
        jobs.assert_dispatched(channel, alert.id, operator, "alert_opened", times=1)


def test_old_jobs_are_cleaned_up_and_open_ones_never(ledger: Ledger) -> None:
    # Given a job that ended a month ago, one that ended just now, and one that still waits for its time
    old, waiting = ledger.dispatch(write_down, "old"), ledger.dispatch(write_down, "waiting", delay=86400)
    drain(ledger.connection)
    ledger.connection.execute("update jobs set finished_at = finished_at - interval '30 days' where id = %s", (old,))
    ledger.connection.execute("update jobs set created_at = created_at - interval '90 days' where id = %s", (waiting,))
    new = ledger.dispatch(write_down, "new")
    drain(ledger.connection)
    # When what is older than a week is pruned
    with ledger.transaction() as tx:
        prune(tx, timedelta(days=7))
    # Then only the old one is gone, with its attempts
    assert {row.id for row in ledger.rows("select id from jobs")} == {new, waiting}
    assert ledger.attempts(old) == []
