"""What has had its time is deleted: ended jobs, with attempts, chains and batches; nothing that is still to be done."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.db.engine import connect
from shared.db.transaction import transaction
from shared.ids import new_id
from shared.jobs.pruning import prune
from tests.ledger import Ledger


def given(ledger: Ledger, state: str, days: float, **columns: Any) -> UUID:
    """Put a job into the ledger that ended, or while it is open was dispatched, so many days ago."""
    ended = state in ("succeeded", "failed", "cancelled")
    row = {"id": new_id(), "name": "saw_walnut", "args": "[]", "state": state, **columns}
    days_ago = f"clock_timestamp() - interval '{days} days'"
    ledger.connection.execute(
        f"insert into jobs ({', '.join(row)}, created_at, finished_at)"
        f" values ({', '.join(['%s'] * len(row))}, {days_ago}, {days_ago if ended else 'null'})",
        list(row.values()),
    )
    ledger.connection.execute(
        "insert into job_attempts (job_id, attempt, outcome) values (%s, 1, 'failed')", (row["id"],)
    )
    return UUID(str(row["id"]))


def pruned(ledger: Ledger, older_than: timedelta | None = None) -> None:
    more = True
    while more:
        with ledger.transaction() as tx:
            more = prune(tx, older_than)


def left(ledger: Ledger) -> set[UUID]:
    return {row.id for row in ledger.rows("select id from jobs")}


def test_by_the_settings_what_failed_is_kept_for_longer_and_nothing_open_goes(ledger: Ledger) -> None:
    # Given
    stays = {
        *(given(ledger, state, 1000) for state in ("blocked", "scheduled", "queued", "running")),
        *(given(ledger, state, 6.9) for state in ("succeeded", "failed", "cancelled")),
        given(ledger, "failed", 29),
    }
    for state, days in (("succeeded", 7.1), ("cancelled", 7.1), ("failed", 31)):
        given(ledger, state, days)
    # When
    pruned(ledger)
    # Then, with their attempts
    assert left(ledger) == stays
    assert {row.job_id for row in ledger.rows("select job_id from job_attempts")} == stays


def test_by_an_age_of_ones_own_failed_ones_go_too(ledger: Ledger) -> None:
    # Given
    given(ledger, "failed", 1)
    kept = given(ledger, "failed", 0.5)
    # When
    pruned(ledger, timedelta(hours=20))
    # Then
    assert left(ledger) == {kept}


def test_more_than_a_batch_goes_batch_by_batch(ledger: Ledger) -> None:
    # Given
    ledger.connection.execute(
        "insert into jobs (id, name, args, state, finished_at) select gen_random_uuid(), 'saw_walnut', '[]',"
        " 'succeeded', clock_timestamp() - interval '8 days' from generate_series(1, 2100)"
    )
    # When
    turns: list[tuple[bool, int]] = []
    while not turns or turns[-1][0]:
        with ledger.transaction() as tx:
            more = prune(tx)
        turns.append((more, len(left(ledger))))
    # Then
    assert turns == [(True, 1100), (True, 100), (False, 0)]


@pytest.mark.parametrize(
    ("last", "days", "stays"),
    [
        ("scheduled", 40, True),
        ("failed", 20, True),
        ("succeeded", 3, True),
        ("failed", 31, False),
        ("cancelled", 8, False),
    ],
)
def test_a_chain_goes_as_a_whole_so_that_it_can_be_undone_until_then(
    ledger: Ledger, last: str, days: float, *, stays: bool
) -> None:
    # Given a charge of long ago, and the link after it
    chain = new_id()
    ledger.connection.execute("insert into chains (id, name) values (%s, 'check_out')", (chain,))
    links = {given(ledger, "succeeded", 40, chain_id=chain, link=0), given(ledger, last, days, chain_id=chain, link=1)}
    # When
    pruned(ledger)
    # Then
    assert left(ledger) == (links if stays else set())
    assert len(ledger.rows("select from chains")) == int(stays)


def test_a_batch_keeps_its_members_until_it_is_over_and_goes_after_the_last_of_them(ledger: Ledger) -> None:
    # Given
    over, going = new_id(), new_id()
    for batch, ended in ((over, "clock_timestamp() - interval '8 days'"), (going, "null")):
        ledger.connection.execute(
            "insert into batches (id, name, total, pending, created_at, finished_at)"
            f" values (%s, 'pictures', 2, 0, clock_timestamp() - interval '9 days', {ended})",
            (batch,),
        )
    given(ledger, "succeeded", 9, batch_id=over)
    failed = given(ledger, "failed", 9, batch_id=over)
    member = given(ledger, "succeeded", 9, batch_id=going)
    # When
    pruned(ledger)
    # Then what failed may still be tried again
    assert left(ledger) == {failed, member}
    assert {row.id for row in ledger.rows("select id from batches")} == {over, going}
    # And when that has had its time too
    pruned(ledger, timedelta(days=8.5))
    assert left(ledger) == {member}
    pruned(ledger, timedelta(days=7))
    assert {row.id for row in ledger.rows("select id from batches")} == {going}


def test_a_chain_whose_jobs_were_forgotten_goes_too_but_no_young_one(ledger: Ledger) -> None:
    # Given
    old, young = UUID(int=new_id().int - ((8 * 86_400_000) << 80)), new_id()
    for chain in (old, young):
        ledger.connection.execute("insert into chains (id, name) values (%s, 'check_out')", (chain,))
    # When
    pruned(ledger)
    # Then
    assert [row.id for row in ledger.rows("select id from chains")] == [young]


def test_what_somebody_is_just_trying_again_stays_with_its_chain(ledger: Ledger) -> None:
    # Given
    chain = new_id()
    ledger.connection.execute("insert into chains (id, name) values (%s, 'check_out')", (chain,))
    links = {given(ledger, state, 40, chain_id=chain, link=n) for n, state in enumerate(("succeeded", "failed"))}
    alone = given(ledger, "failed", 40)
    with connect() as other, transaction(other) as tx:
        tx.one("select 1 from jobs where chain_id = %s and link = 1 for update", (chain,))
        # When
        pruned(ledger)
    # Then
    assert left(ledger) == links
    assert alone not in links
    # And when the operator has let go
    pruned(ledger)
    assert left(ledger) == set()
