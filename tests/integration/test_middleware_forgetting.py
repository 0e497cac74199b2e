"""Locks, rates and circuit breakers that mean nothing any more are forgotten; those that still mean something stay."""

import pytest

from services.worker.relay import FORGETTING
from shared.db.sql.pruning import BATCH
from shared.jobs.middleware import breaker, overlapping, rates
from tests.ledger import Ledger
from tests.ledger_jobs import write_down
from tests.waiting import wait_until

#: Everybody's is once old and once as young as it can be without being forgotten.
LOCKS = """
insert into job_locks (key, job_id, attempt, taken_at)
values ('old lock', %(id)s, %(attempt)s - 1, now() - interval '61 minutes'),
       ('old lock that is held', %(id)s, %(attempt)s, now() - interval '61 minutes'),
       ('young lock', %(id)s, 0, now() - interval '59 minutes')
"""
OTHERS = (
    """
    insert into job_rates (key, full_at)
    values ('old rate', now() - interval '61 minutes'), ('young rate', now() - interval '59 minutes')
    """,
    """
    insert into job_breakers (key, failed_at)
    values ('old circuit', now() - interval '25 hours'), ('young circuit', now() - interval '23 hours')
    """,
)
LEFT = "select key from job_locks union all select key from job_rates union all select key from job_breakers"


def left(ledger: Ledger) -> list[str]:
    return sorted(row.key for row in ledger.rows(LEFT))


def test_a_relay_forgets_what_holds_nobody_back_any_more(ledger: Ledger) -> None:
    # Given a job that has run for more than an hour, and holds a lock
    ledger.dispatch(write_down, "walnut-desk")
    ledger.hand_over()
    [claimed] = ledger.claim()
    ledger.connection.execute("update jobs set lease_until = now() + interval '1 hour'")
    ledger.connection.execute(LOCKS, {"id": claimed.id, "attempt": claimed.attempt})
    for statement in OTHERS:
        ledger.connection.execute(statement)
    # When a relay forgets
    ledger.relay()
    # Then its lock stays, and what is young
    wait_until(lambda: left(ledger) == ["old lock that is held", "young circuit", "young lock", "young rate"])


@pytest.mark.parametrize(("module", "table"), [(overlapping, "locks"), (rates, "rates"), (breaker, "breakers")])
def test_much_is_forgotten_in_batches(ledger: Ledger, module: object, table: str) -> None:
    # Given more than a batch of old rows
    column = {"locks": "taken_at, job_id, attempt", "rates": "full_at", "breakers": "failed_at"}[table]
    values = "now() - interval '2 days'" + (", gen_random_uuid(), 1" if table == "locks" else "")
    rows = f"insert into job_{table} (key, {column}) select 'key ' || n, {values} from generate_series(1, %s) n"
    ledger.connection.execute(rows, (BATCH + 1,))
    prune = module.prune  # type: ignore[attr-defined]  # each has one
    # When two batches are forgotten
    more = []
    for _ in range(2):
        with ledger.transaction() as tx:
            more.append(prune(tx))
    # Then the first said that there may be more, and all is gone
    assert (more, left(ledger)) == ([True, False], [])
    assert prune in FORGETTING
