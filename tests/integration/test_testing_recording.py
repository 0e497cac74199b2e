"""Tests of a shop may record what is dispatched instead of writing it, and ask for it."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from shared.db.transaction import Transaction, transaction
from shared.events.expand import expand
from shared.ids import new_id
from shared.jobs.batch import add_members, batch
from shared.jobs.chain import chain
from shared.jobs.testing import recording
from tests.ledger import Ledger
from tests.ledger_jobs import LISTENERS, build, count_stock, craft, glue, saw, say_no, unglue, unsaw, write_down


@pytest.fixture
def tx(ledger: Ledger) -> Any:
    with transaction(ledger.connection) as tx:
        yield tx


def test_what_is_recorded_is_not_written(tx: Transaction) -> None:
    # Given a test that records
    with recording() as jobs:
        # When a job, a chain and a batch are dispatched
        job_id = write_down.dispatch(tx, "walnut-desk")
        craft.dispatch(tx, "oak-chair")
        batch(saw.message("brass-lamp")).dispatch(tx)
    # Then whoever dispatched them has an id, and the ledger has nothing
    assert job_id == jobs.jobs[0].id
    assert [message.name for message in jobs.jobs] == ["write_down", "saw", "glue", "write_down", "saw"]
    assert not tx.all("select 1 from jobs union all select 1 from chains union all select 1 from batches")
    # And afterwards the ledger is written again
    write_down.dispatch(tx, "walnut-desk")
    assert tx.one("select count(*) as n from jobs").n == 1


def test_a_job_is_asked_for_with_its_arguments_its_queue_and_its_delay(tx: Transaction) -> None:
    order = new_id()
    with recording() as jobs:
        build.dispatch(tx, "walnut-desk", order, queue="processing", delay=timedelta(minutes=10))
        build.dispatch(tx, "oak-chair", order)
    # Then what was dispatched is found
    jobs.assert_dispatched(build, times=2)
    jobs.assert_dispatched(build, "walnut-desk", order, times=1, queue="processing", delay=600)
    jobs.assert_dispatched(build, "walnut-desk", str(order), delay=timedelta(minutes=10))
    jobs.assert_dispatched(build, ANY, order, times=2)
    jobs.assert_not_dispatched(build, "brass-lamp", order)
    jobs.assert_not_dispatched(saw)
    # And what was not is missed, in words
    with pytest.raises(AssertionError) as missed:
        jobs.assert_dispatched(build, "walnut-desk", order, queue="processing", delay=60)
    assert str(missed.value).splitlines() == [
        f"expected to be dispatched: build('walnut-desk', {order}) on 'processing' after 60 s",
        "  dispatched was:",
        f"  build('walnut-desk', {order}) on 'processing' after 600 s",
        f"  build('oak-chair', {order}) on 'default'",
    ]
    with pytest.raises(AssertionError, match="build, 3 times and not 2"):
        jobs.assert_dispatched(build, times=3)
    with pytest.raises(AssertionError, match="no build"):
        jobs.assert_not_dispatched(build)
    with pytest.raises(AssertionError, match="dispatched: nothing"):
        jobs.assert_nothing_dispatched()


def test_nothing_dispatched_is_said_so() -> None:
    with recording() as jobs:
        pass
    jobs.assert_nothing_dispatched()
    with pytest.raises(AssertionError, match=r"dispatched: saw\n  dispatched was:\n  nothing"):
        jobs.assert_dispatched(saw)


def test_a_chain_is_asked_for_by_its_links(tx: Transaction) -> None:
    pictures = batch(saw.message("small"), saw.message("large"), name="pictures")
    with recording() as jobs:
        craft.dispatch(tx, "walnut-desk")
        chain(say_no, pictures, write_down.message("done")).dispatch(tx, "oak-chair")
    # Then its links are found with and without arguments, with and without undos, and with batches among them
    jobs.assert_chained(craft, "walnut-desk")
    jobs.assert_chained([saw, glue, write_down])
    jobs.assert_chained([(saw, unsaw), (glue, unglue), write_down], "walnut-desk")
    jobs.assert_chained([say_no, batch(saw.message("small"), saw.message("large")), write_down.message("done")])
    # And the links are jobs that were dispatched, but undos are not
    jobs.assert_dispatched(glue, "walnut-desk", times=1)
    jobs.assert_dispatched(saw, times=3)
    jobs.assert_not_dispatched(unsaw)
    # And others are missed
    for wrong in ([saw, glue], [glue, saw, write_down], [saw, (glue, unsaw), write_down], [say_no, saw, write_down]):
        with pytest.raises(AssertionError, match=r"chain 'craft': saw\('walnut-desk'\) on 'default' \(undo unsaw\) →"):
            jobs.assert_chained(wrong)
    with pytest.raises(AssertionError, match=r"chain 'craft': saw \(undo unsaw\) → glue"):
        jobs.assert_chained(craft, "brass-lamp")


def test_a_batch_is_asked_for_by_its_name_its_members_or_a_question(tx: Transaction) -> None:
    good, bad = write_down.message("all"), write_down.message("not all")
    with recording() as jobs:
        members = (saw.message("small"), saw.message("large"), craft.message("both"))
        batch(*members, name="pictures").then(good).catch(bad).dispatch(tx)
    jobs.assert_batched("pictures")
    jobs.assert_batched(lambda batch: len(batch.members) == 3 and not batch.failures_allowed)
    jobs.assert_batched("pictures", [saw, saw.message("large"), [saw, glue, write_down]])
    jobs.assert_batched(members=[saw, saw, craft])
    jobs.assert_not_dispatched(write_down, "all")  # it may be called, or may not
    told = (
        r"batch 'pictures' of saw\('small'\) .*; then write_down\('all'\) on 'default'; catch write_down\('not all'\)"
    )
    with pytest.raises(AssertionError, match=told):
        jobs.assert_batched("films")
    with pytest.raises(AssertionError, match="a batch like that of saw, saw"):
        jobs.assert_batched(members=[saw, saw])
    with pytest.raises(AssertionError, match="a batch like that"):
        jobs.assert_batched(lambda batch: batch.failures_allowed)


def test_what_joins_a_batch_is_recorded_too(tx: Transaction) -> None:
    pictures = new_id()
    with recording() as jobs:
        assert add_members(tx, pictures, saw.message("small"), saw.message("large"))
    jobs.assert_added(pictures, saw, saw.message("large"))
    with pytest.raises(AssertionError, match=f"added to batch {pictures}: saw"):
        jobs.assert_added(pictures, glue)


def test_some_jobs_are_let_through(ledger: Ledger) -> None:
    with recording(except_=[write_down]) as jobs, ledger.transaction() as tx:
        assert write_down.dispatch(tx, "kept") is not None
        saw.dispatch(tx, "recorded")
        chain(write_down, saw).dispatch(tx, "recorded, because not all of it is let through")
    assert [row.name for row in ledger.rows("select name from jobs")] == ["write_down"]
    jobs.assert_not_dispatched(write_down, "kept")
    jobs.assert_dispatched(saw, times=2)


def test_a_unique_jobs_double_is_refused_as_the_ledger_would(tx: Transaction) -> None:
    with recording() as jobs:
        assert count_stock.dispatch(tx, "walnut-desk") is not None
        assert count_stock.dispatch(tx, "walnut-desk") is None
        assert count_stock.dispatch(tx, "oak-chair") is not None
    jobs.assert_dispatched(count_stock, times=2)


def test_what_listeners_dispatch_is_recorded(ledger: Ledger) -> None:
    ledger.place(7)
    with recording() as jobs, ledger.transaction() as tx:
        assert expand(tx, LISTENERS) == 1
    jobs.assert_dispatched(write_down, "order 7", times=1)
    assert ledger.count_open() == 0


def test_one_records_within_another(tx: Transaction) -> None:
    with recording() as outer:
        with recording() as inner:
            saw.dispatch(tx, "inside")
        saw.dispatch(tx, "outside")
    inner.assert_dispatched(saw, "inside", times=1)
    outer.assert_dispatched(saw, "outside", times=1)
    outer.assert_not_dispatched(saw, "inside")
