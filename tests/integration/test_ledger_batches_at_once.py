"""Batches with many at work: each member counts once, callbacks run once, and nobody waits for ever."""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest

from shared.db.engine import close_thread_connection, connect
from shared.db.transaction import TRY_AGAIN, transaction
from shared.jobs import operations, reaper
from shared.jobs.batch import batch, cancel_batch
from shared.jobs.chain import chain
from shared.jobs.running import Claimed
from tests.ledger import Ledger
from tests.ledger_batches import UNSOUND, counts, dispatch, told, told_of
from tests.ledger_core_jobs import fit, queue_up, unpack
from tests.ledger_jobs import break_down, craft, glue, saw, write_down
from tests.waiting import wait_until


def at_once(*groups: Iterable[Callable[[], object]]) -> None:
    """Let a thread for each group do its work, all from the same moment."""
    start = Barrier(len(groups))

    def work(group: Iterable[Callable[[], object]]) -> None:
        start.wait()
        try:
            for step in group:
                step()
        finally:
            close_thread_connection()

    with ThreadPoolExecutor(len(groups)) as threads:
        for done in [threads.submit(work, group) for group in groups]:
            done.result()


def run_all(ledger: Ledger, claimed: Iterable[Claimed]) -> list[Callable[[], object]]:
    return [partial(ledger.run, one) for one in claimed]


def claim_all(ledger: Ledger, at_most: int = 200) -> list[Claimed]:
    ledger.hand_over()
    return ledger.claim(at_most=at_most)


# --- counted once ---


def test_a_member_whose_worker_was_killed_counts_once(ledger: Ledger) -> None:
    # Given a batch of one, at work
    batch_id = dispatch(ledger, told(write_down.message("desk")))
    [lost] = claim_all(ledger)
    # When its worker dies, another makes it, and the first one was only asleep
    reaper.reap_workers(ledger.connection, ["hand@bench"])
    assert counts(ledger, batch_id) == (1, 0, 0, 0)
    [second] = claim_all(ledger)
    ledger.run(second)
    ledger.run(lost)
    ledger.run(second)
    # Then it was counted once
    assert counts(ledger, batch_id) == (0, 0, 0, 1)
    ledger.work()
    assert told_of(ledger) == ["finally", "then"]


def test_a_sleeper_that_fails_after_it_has_succeeded_elsewhere_counts_as_succeeded(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(fit.message("shelf")))
    [lost] = claim_all(ledger)
    reaper.reap_workers(ledger.connection, ["hand@bench"])
    [second] = claim_all(ledger)
    ledger.connection.execute("insert into ran (what) values ('mended shelf')")
    ledger.run(second)
    ledger.connection.execute("delete from ran where what = 'mended shelf'")
    ledger.run(lost)
    assert counts(ledger, batch_id) == (0, 0, 0, 1)
    ledger.work()
    assert told_of(ledger) == ["finally", "then"]


def test_a_member_that_was_lost_too_often_counts_as_failed_once(ledger: Ledger) -> None:
    # Given a batch of a chain and a desk; the chain's first link kills its workers
    ledger.set(lost_cap=2)
    batch_id = dispatch(ledger, told(chain(saw, glue).message("oak"), write_down.message("desk")).allow_failures())
    for _ in range(2):
        [killer, *_] = claim_all(ledger)
        assert killer.name == "saw"
        ledger.connection.execute("update jobs set lease_until = clock_timestamp() where id = %s", (killer.id,))
        wait_until(ledger.reap)
    # When its last worker wakes up after all
    ledger.run(killer)
    assert counts(ledger, batch_id) == (1, 1, 1, 0)
    reaper.reap_workers(ledger.connection, ["hand@bench"])
    ledger.work()
    # Then it has failed, its chain has ended, and the rest went on
    assert counts(ledger, batch_id) == (0, 1, 1, 1)
    assert told_of(ledger) == ["catch", "finally"]


# --- at the same time ---


def test_of_members_that_end_in_the_same_moment_one_calls_then(ledger: Ledger) -> None:
    for number in range(20):
        # Given a batch of eight, all at work
        batch_id = dispatch(
            ledger, batch(*(saw.message(f"{number}") for _ in range(8))).then(write_down.message("then"))
        )
        claimed = [one for one in claim_all(ledger) if one.name == "saw"]
        assert len(claimed) == 8
        # When they end, two at a time
        at_once(run_all(ledger, claimed[:4]), run_all(ledger, claimed[4:]))
        # Then `then` is due once
        assert counts(ledger, batch_id) == (0, 0, 0, 8)
        ledger.work()
    assert ledger.effects().count("then") == 20


def test_of_members_that_fail_in_the_same_moment_one_calls_catch(ledger: Ledger) -> None:
    for number in range(10):
        members = (break_down.message(f"vase {number}.{one}") for one in range(4))
        batch_id = dispatch(ledger, batch(*members).catch(write_down.message("catch")))
        claimed = [one for one in claim_all(ledger) if one.name == "break_down"]
        at_once(run_all(ledger, claimed[:2]), run_all(ledger, claimed[2:]))
        assert counts(ledger, batch_id) == (0, 4, 0, 0)
        ledger.work()
    assert ledger.effects().count("catch") == 10


def test_a_retry_in_the_moment_the_batch_ends_loses_no_callback(ledger: Ledger) -> None:
    for number in range(15):
        # Given a batch of which one member has failed, and the other is at work
        wanted = batch(fit.message(f"shelf {number}"), saw.message("oak")).allow_failures()
        batch_id = dispatch(ledger, wanted.then(write_down.message(f"then {number}")))
        shelf, oak = claim_all(ledger)
        ledger.run(shelf)
        ledger.connection.execute("insert into ran (what) values (%s)", (f"mended shelf {number}",))
        # When the failed one is retried while the other ends
        at_once(run_all(ledger, [oak]), [partial(retry, [shelf.id])])
        ledger.work()
        # Then all has succeeded, and is told
        assert counts(ledger, batch_id) == (0, 0, 0, 2)
        assert f"then {number}" in ledger.effects()


def retry(jobs: Iterable[UUID]) -> None:
    again(lambda tx: operations.retry(tx, jobs, "retried by Nour"))


def cancel(jobs: Iterable[UUID]) -> None:
    again(lambda tx: operations.cancel(tx, jobs, "cancelled by Nour"))


def again(write: Callable[..., object], times: int = 3) -> None:
    """Do it in a transaction of its own; again, if PostgreSQL asks for it, as the API does."""
    try:
        with connect() as connection, transaction(connection) as tx:
            write(tx)
    except TRY_AGAIN:
        if times == 1:
            raise
        again(write, times - 1)


def deadlocks(ledger: Ledger) -> int:
    ledger.connection.execute("select pg_stat_clear_snapshot(), pg_stat_force_next_flush()")
    return int(ledger.rows("select deadlocks from pg_stat_database where datname = current_database()")[0].deadlocks)


@pytest.mark.parametrize("round_", range(3))
def test_finishing_adding_cancelling_and_retrying_at_once_is_sound_and_stands_in_nobodys_way(
    ledger: Ledger, round_: int
) -> None:
    # Given a batch of all sorts of members, all that are due at work
    chance = random.Random(round_)
    members = [
        kind
        for number in range(6)
        for kind in (
            saw.message(f"{number}"),
            fit.message(f"shelf {number}"),
            unpack.message(f"box {number}", 2),
            queue_up.message("till", f"{number}"),
            craft.message(f"{number}"),
            chain(glue, batch(saw.message(f"inner {number}")), saw).message(f"{number}"),
        )
    ]
    batch_id = dispatch(ledger, told(*members).allow_failures())
    for _ in range(3):
        claimed = claim_all(ledger)
        chance.shuffle(claimed)
        ids = [row.id for row in ledger.rows("select id from jobs where batch_id is not null order by id")]
        # When they end in two threads, while operators cancel some and retry others
        half = len(claimed) // 2
        operators = [
            partial(retry if number % 2 else cancel, chance.sample(ids, min(4, len(ids)))) for number in range(8)
        ]
        at_once(run_all(ledger, claimed[:half]), run_all(ledger, claimed[half:]), operators)
        assert ledger.rows(UNSOUND) == []
    again(lambda tx: cancel_batch(tx, batch_id, "enough", also_running=True))
    ledger.work(timeout=30)
    # Then all is over, the callbacks ran once, and nobody waited in a circle
    assert ledger.rows(UNSOUND) == []
    assert ledger.count_open() == 0
    assert told_of(ledger).count("finally") == 1
    assert told_of(ledger).count("catch") <= 1
    assert deadlocks(ledger) == 0
