"""Ten thousand jobs in one batch, their workers killed all the while: each once, and what follows them once."""

import time
from collections.abc import Callable, Iterator
from itertools import cycle

import pytest

from shared.jobs.batch import batch, find_batch
from tests.audited import Tell
from tests.ledger import Ledger, Process
from tests.ledger_jobs import carve, write_down
from tests.waiting import wait_until

LEASE = 2  # seconds
NO_CAP = 1_000_000  # leases a job may lose


@pytest.mark.proof
def test_a_batch_of_ten_thousand_ends_once_though_its_workers_are_killed(
    ledger: Ledger, tell: Tell, scaled: Callable[[int, int], int]
) -> None:
    # Given two units and a batch of many jobs
    ledger.set(lease_seconds=LEASE, lost_cap=NO_CAP)
    members, kill_every = scaled(10_000, 1_500), scaled(5, 2)
    together = batch(*(carve.message(f"desk {number}") for number in range(members)), name="desks")
    together = together.then(write_down.message("all done")).finally_(write_down.message("all over"))
    with ledger.transaction() as tx:
        together.dispatch(tx)
    ledger.relay()
    units = [ledger.unit(name) for name in ("fast-1", "fast-2")]
    # When one of them is killed every few seconds, at work
    began = time.monotonic()
    kills = killing(units, kill_every)
    wait_until(lambda: next(kills) and over(ledger, together.id), timeout=members * 0.02 + 60)
    # Then each effect is there once
    effects = sorted(ledger.effects())
    assert effects == sorted([*(f"desk {number}" for number in range(members)), "all done", "all over"])
    # And the batch has counted each once
    with ledger.transaction() as tx:
        state = find_batch(tx, together.id)
    assert state is not None
    assert (state.succeeded, state.pending, state.failed, state.cancelled) == (members, 0, 0, 0)
    lost = ledger.rows("select count(*) as n from job_attempts where outcome = 'lost'")[0].n
    assert lost > 0, "no kill met a job"
    tell(members=members, seconds=time.monotonic() - began, leases_lost=lost)


def killing(units: list[Process], every: float) -> Iterator[bool]:
    """Kill one unit after the other, whenever it is time, and start it again; yields True at each look."""
    killed = time.monotonic()
    for unit in cycle(units):
        while time.monotonic() < killed + every:
            yield True
        unit.kill()
        unit.start()
        killed = time.monotonic()


def over(ledger: Ledger, batch_id: object) -> bool:
    """Tell whether what follows the batch has followed."""
    rows = ledger.rows(
        "select count(*) as n from batches b join jobs j on j.id in (b.then_id, b.finally_id)"
        " where b.id = %s and j.state = 'succeeded'",
        (batch_id,),
    )
    return bool(rows[0].n == 2)
