"""Batches and chains in one another: turns that never came, failures deep inside, whole constructions cancelled."""

from uuid import UUID

from shared.jobs.batch import batch, cancel_batch
from shared.jobs.chain import chain
from shared.jobs.job import Message
from shared.jobs.running import Claimed
from tests.ledger import Ledger
from tests.ledger_batches import cancel, counts, dispatch, dispatch_chain, links, mend, retry, told, told_of
from tests.ledger_core_jobs import fit
from tests.ledger_jobs import glue, saw, say_no, unsaw, write_down

DONE, FAILED, CANCELLED, BLOCKED = "succeeded", "failed", "cancelled", "blocked"


def next_one(ledger: Ledger) -> Claimed:
    ledger.hand_over()
    [claimed] = ledger.claim()
    return claimed


def fresh(*what: str) -> list[Message]:
    return [write_down.message(each) for each in what]


def batches(ledger: Ledger) -> list[UUID]:
    return [row.id for row in ledger.rows("select id from batches order by id")]


# --- a batch whose turn never came ---


def test_a_batch_whose_turn_never_came_calls_nobody_and_waits_again_when_its_chain_is_retried(ledger: Ledger) -> None:
    # Given a chain that fails before its batch, of which one member is a chain with a batch
    inner = batch(*fresh("lamp"), name="inner")
    member = chain(glue, inner).message("oak")
    chain_id = dispatch_chain(ledger, fit, told(member, *fresh("desk")), write_down)
    ledger.work()
    # Then all of it is cancelled, and nobody called
    assert links(ledger, chain_id) == [FAILED, CANCELLED, CANCELLED]
    assert ledger.effects() == []
    assert ledger.count_open() == 0
    outer_id = ledger.rows("select id from batches where name <> 'inner'")[0].id
    assert counts(ledger, outer_id) == (0, 0, 3, 0)
    # And none of its members can be retried by itself
    [one, *_] = ledger.rows("select id from jobs where batch_id = %s", (outer_id,))
    assert str(retry(ledger, [one.id])[one.id]).startswith("its batch is a link whose turn never came")
    assert counts(ledger, outer_id) == (0, 0, 3, 0)
    # When the failed link is retried
    mend(ledger, "walnut-desk")
    retry(ledger, [ledger.named("fit")[0].id])
    assert links(ledger, chain_id) == ["scheduled", BLOCKED, BLOCKED]
    ledger.work()
    # Then the whole chain runs
    assert links(ledger, chain_id) == [DONE] * 3
    assert sorted(ledger.effects()[2:]) == ["desk", "finally", "glue oak", "lamp", "then", "walnut-desk"]
    assert {counts(ledger, batch_id)[0] for batch_id in batches(ledger)} == {0}


def test_a_business_no_before_a_batch_ends_it_too_also_an_empty_one(ledger: Ledger) -> None:
    for middle in (told(*fresh("desk")), told()):
        chain_id = dispatch_chain(ledger, say_no, middle, glue)
        ledger.work()
        assert links(ledger, chain_id) == [DONE, CANCELLED, CANCELLED]
    assert ledger.effects() == ["no to walnut-desk"] * 2
    assert ledger.count_open() == 0
    assert [counts(ledger, batch_id) for batch_id in batches(ledger)] == [(0, 0, 1, 0), (0, 0, 0, 0)]


def test_a_failed_member_that_is_retried_lets_the_chain_go_on(ledger: Ledger) -> None:
    # Given a chain without undos whose batch has failed
    chain_id = dispatch_chain(ledger, saw, told(fit.message("shelf")), glue)
    ledger.work()
    assert links(ledger, chain_id) == [DONE, FAILED, CANCELLED]
    begin = ledger.named("begin_batch")[0].id
    assert retry(ledger, [begin]) == {begin: "it ends as its batch does: retry the jobs of that"}
    # When its member is retried
    mend(ledger, "shelf")
    retry(ledger, [ledger.named("fit")[0].id])
    assert links(ledger, chain_id) == [DONE, BLOCKED, BLOCKED]
    # Then the batch succeeds, and the chain goes on
    ledger.work()
    assert links(ledger, chain_id) == [DONE] * 3
    assert told_of(ledger) == ["catch", "finally", "then"]


def test_a_member_whose_chain_was_undone_is_not_retried(ledger: Ledger) -> None:
    dispatch_chain(ledger, (saw, unsaw), told(fit.message("shelf")), write_down)
    ledger.work()
    shelf = ledger.named("fit")[0].id
    assert retry(ledger, [shelf]) == {shelf: "its chain was undone"}
    assert counts(ledger, batches(ledger)[0]) == (0, 1, 0, 0)
    assert ledger.count_open() == 0


# --- in one another ---


def test_a_failure_deep_inside_is_one_of_all_that_are_around_it(ledger: Ledger) -> None:
    # Given a batch of a chain, whose last link is a batch with a member that breaks
    inner = batch(fit.message("shelf"), name="inner")
    outer_id = dispatch(ledger, told(chain(saw, inner).message("oak"), *fresh("desk")))
    ledger.work()
    # Then the chain's link has failed, and so the batch around it
    assert counts(ledger, outer_id) == (0, 1, 0, 2)
    assert told_of(ledger) == ["catch", "finally"]
    # When that member is retried, all of them are open again
    mend(ledger, "shelf")
    retry(ledger, [ledger.named("fit")[0].id])
    assert counts(ledger, outer_id) == (1, 0, 0, 2)
    # And succeed
    ledger.work()
    assert counts(ledger, outer_id) == (0, 0, 0, 3)
    assert told_of(ledger) == ["catch", "finally", "then"]


def test_a_batch_that_is_cancelled_takes_the_batches_inside_along(ledger: Ledger) -> None:
    # Given a batch of a chain whose batch runs
    inner = batch(*fresh("lamp", "vase"), name="inner")
    outer_id = dispatch(ledger, told(chain((saw, unsaw), inner, glue).message("oak")))
    ledger.run(next_one(ledger))
    ledger.run(next_one(ledger))
    at_work = next_one(ledger)
    # When the outer one is cancelled, with what runs
    with ledger.transaction() as tx:
        cancel_batch(tx, outer_id, "enough", also_running=True)
    ledger.work()
    # Then both are over, and the chain between them is undone
    assert counts(ledger, outer_id) == (0, 0, 2, 1)
    inner_id = ledger.rows("select id from batches where name = 'inner'")[0].id
    assert counts(ledger, inner_id) == (0, 0, 2, 0)
    assert ledger.job(at_work.id).state == "cancelled"
    assert sorted(ledger.effects()) == ["finally", "saw oak", "undo saw oak"]


def test_operators_cancel_a_whole_construction_by_one_of_its_links(ledger: Ledger) -> None:
    inner = batch(*fresh("lamp"))
    dispatch_chain(ledger, saw, batch(chain(glue, inner).message("oak")), write_down)
    first = ledger.named("saw")[0].id
    assert cancel(ledger, first) == [first]
    ledger.work()
    assert ledger.count_open() == 0
    assert ledger.effects() == []
