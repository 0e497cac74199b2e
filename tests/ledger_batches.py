"""Batches in a test's hands: how they stand, and what must hold of all of them at any time."""

import time
from collections.abc import Iterable
from uuid import UUID

from shared.jobs import operations
from shared.jobs.batch import Batch, BatchState, batch, find_batch
from shared.jobs.chain import Link, chain
from tests.ledger import Ledger
from tests.ledger_jobs import write_down

#: Counters that do not say what the members say, or an end that is none. (A chain's links that a business "no" made
#: needless are `cancelled`, and count as succeeded.)
UNSOUND = """
select b.id, b.total, b.pending, b.failed, b.cancelled, m.* from batches b cross join lateral (
    select count(*) as members, count(*) filter (where state in ('blocked', 'scheduled', 'queued', 'running')) as open,
           count(*) filter (where state = 'failed') as failures, count(*) filter (where state = 'cancelled') as others
    from jobs where batch_id = b.id
) m
where (b.total, b.pending, b.failed) <> (m.members, m.open, m.failures) or b.cancelled > m.others
   or (b.pending = 0) <> (b.finished_at is not null)
"""


def told(*members: object) -> Batch:
    """A batch whose callbacks write down that they ran."""
    then, catch, finally_ = (write_down.message(what) for what in ("then", "catch", "finally"))
    return batch(*members).then(then).catch(catch).finally_(finally_)  # type: ignore[arg-type]  # of tests' making


def dispatch(ledger: Ledger, wanted: Batch) -> UUID:
    with ledger.transaction() as tx:
        return wanted.dispatch(tx)


def dispatch_chain(ledger: Ledger, *links: Link) -> UUID:
    """Dispatch a chain whose jobs all get the walnut desk."""
    with ledger.transaction() as tx:
        return chain(*links).dispatch(tx, "walnut-desk")


def state(ledger: Ledger, batch_id: UUID) -> BatchState:
    with ledger.transaction() as tx:
        found = find_batch(tx, batch_id)
    assert found is not None
    return found


def counts(ledger: Ledger, batch_id: UUID) -> tuple[int, int, int, int]:
    """Return how many are pending, failed, cancelled, succeeded; after looking whether all batches are sound."""
    assert ledger.rows(UNSOUND) == []
    stands = state(ledger, batch_id)
    return stands.pending, stands.failed, stands.cancelled, stands.succeeded


def links(ledger: Ledger, chain_id: UUID) -> list[str]:
    found = ledger.rows("select state from jobs where chain_id = %s order by link", (chain_id,))
    return [row.state for row in found]


def told_of(ledger: Ledger) -> list[str]:
    """Return which callbacks ran, in order of their names."""
    return sorted(what for what in ledger.effects() if what in ("then", "catch", "finally"))


def work_besides(ledger: Ledger, *queues: str) -> None:
    """Run what is due, or soon is, beside what the test holds running."""
    soon = (
        "select from jobs where state in ('scheduled', 'queued') and available_at < clock_timestamp() + '5 s' limit 1"
    )
    deadline = time.monotonic() + 10
    while ledger.rows(soon):
        assert time.monotonic() < deadline, ledger.rows("select * from jobs where state in ('scheduled', 'queued')")
        ledger.hand_over()
        for queue in queues or ("default",):
            for claimed in ledger.claim(queue):
                ledger.run(claimed)


def mend(ledger: Ledger, what: str) -> None:
    ledger.connection.execute("insert into ran (what) values (%s)", (f"mended {what}",))


def retry(ledger: Ledger, jobs: Iterable[UUID]) -> dict[UUID, str | None]:
    with ledger.transaction() as tx:
        return operations.retry(tx, jobs, "retried by Nour")


def cancel(ledger: Ledger, *jobs: UUID) -> list[UUID]:
    with ledger.transaction() as tx:
        return operations.cancel(tx, jobs, "cancelled by Nour")
