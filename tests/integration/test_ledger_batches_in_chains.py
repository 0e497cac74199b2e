"""Chains as members of batches, and batches as links of chains."""

from uuid import UUID

from shared.jobs.batch import add_members, cancel_batch
from shared.jobs.chain import Link, chain
from shared.jobs.job import Message
from shared.jobs.running import Claimed
from tests.ledger import Ledger
from tests.ledger_batches import (
    cancel,
    counts,
    dispatch,
    dispatch_chain,
    links,
    state,
    told,
    told_of,
    work_besides,
)
from tests.ledger_core_jobs import undo_batch
from tests.ledger_jobs import break_down, glue, saw, say_no, unglue, unsaw, write_down

DONE, FAILED, CANCELLED, BLOCKED = "succeeded", "failed", "cancelled", "blocked"
desk, chair, lamp = (write_down.message(what) for what in ("desk", "chair", "lamp"))


def next_one(ledger: Ledger) -> Claimed:
    ledger.hand_over()
    [claimed] = ledger.claim()
    return claimed


def around(middle: object) -> tuple[Link, ...]:
    """Links with undos before and behind; write_down comes last."""
    return ((saw, unsaw), middle, (glue, unglue), write_down)


def fresh(*what: str) -> list[Message]:
    return [write_down.message(each) for each in what]


def batches(ledger: Ledger) -> list[UUID]:
    return [row.id for row in ledger.rows("select id from batches order by id")]


# --- a chain as a member ---


def test_of_a_chain_among_the_members_each_link_counts(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(chain(saw, glue).message("oak"), *fresh("desk")))
    assert state(ledger, batch_id).total == 3
    ledger.run(next_one(ledger))
    assert counts(ledger, batch_id) == (2, 0, 0, 1)
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 0, 3)
    assert told_of(ledger) == ["finally", "then"]


def test_a_failing_link_ends_its_chain_and_counts_once(ledger: Ledger) -> None:
    member = chain((saw, unsaw), break_down, glue, write_down).message("oak")
    batch_id = dispatch(ledger, told(member, *fresh("desk")).allow_failures())
    ledger.work()
    assert counts(ledger, batch_id) == (0, 1, 2, 2)
    assert told_of(ledger) == ["catch", "finally"]
    assert "undo saw oak" in ledger.effects()


def test_a_business_no_in_a_chain_is_no_failure_of_the_batch(ledger: Ledger) -> None:
    batch_id = dispatch(ledger, told(chain(say_no, saw, glue).message("oak"), *fresh("desk")))
    ledger.work()
    assert counts(ledger, batch_id) == (0, 0, 0, 4)
    assert told_of(ledger) == ["finally", "then"]


def test_a_cancelled_batch_ends_its_chains_and_undoes_what_they_did(ledger: Ledger) -> None:
    # Given a batch of two chains: one at its second link, one whose first link is at work
    first, second = (chain((saw, unsaw), (glue, unglue)).message(what) for what in ("oak", "walnut"))
    batch_id = dispatch(ledger, told(first, second))
    ledger.run(next_one(ledger))
    walnut = next_one(ledger)
    assert (walnut.name, walnut.args) == ("saw", ["walnut"])
    # When it is cancelled
    with ledger.transaction() as tx:
        cancel_batch(tx, batch_id, "enough")
    ledger.hand_over()
    [end] = ledger.claim(at_most=8)
    ledger.run(end)
    # Then the one has ended and is undone; the other goes on to the end of its link
    assert links(ledger, first.id) == [DONE, CANCELLED]
    assert links(ledger, second.id) == ["running", BLOCKED]
    # And ends there
    ledger.run(walnut)
    ledger.work()
    assert links(ledger, second.id) == [DONE, CANCELLED]
    assert {"undo saw oak", "undo saw walnut"} < set(ledger.effects())
    assert counts(ledger, batch_id) == (0, 0, 2, 2)


# --- a batch as a link ---


def test_the_next_link_waits_for_all_members_of_a_batch(ledger: Ledger) -> None:
    # Given a chain with a batch in its middle
    chain_id = dispatch_chain(ledger, *around(told(*fresh("desk", "chair"))))
    assert links(ledger, chain_id) == ["scheduled", BLOCKED, BLOCKED, BLOCKED]
    [batch_id] = batches(ledger)
    with ledger.transaction() as tx:
        assert not add_members(tx, batch_id, lamp)
    # When the link before it has run, its members are not due yet
    ledger.run(next_one(ledger))
    assert links(ledger, chain_id) == [DONE, "scheduled", BLOCKED, BLOCKED]
    assert counts(ledger, batch_id) == (2, 0, 0, 0)
    # When it has begun, and one member has run, it waits
    ledger.run(next_one(ledger))
    assert links(ledger, chain_id) == [DONE, BLOCKED, BLOCKED, BLOCKED]
    assert ledger.named("begin_batch")[0].reason == "its batch runs"
    ledger.run(next_one(ledger))
    assert links(ledger, chain_id) == [DONE, BLOCKED, BLOCKED, BLOCKED]
    # And when all have, the chain goes on
    ledger.work()
    assert links(ledger, chain_id) == [DONE] * 4
    assert set(ledger.effects()[1:3]) == {"desk", "chair"}
    assert told_of(ledger) == ["finally", "then"]
    assert counts(ledger, batch_id) == (0, 0, 0, 2)


def test_an_empty_batch_lets_its_chain_go_on_when_its_turn_has_come(ledger: Ledger) -> None:
    chain_id = dispatch_chain(ledger, *around(told()))
    assert told_of(ledger) == []
    ledger.work()
    assert links(ledger, chain_id) == [DONE] * 4
    assert told_of(ledger) == ["finally", "then"]


def test_a_batch_that_fails_ends_its_chain_and_all_is_undone(ledger: Ledger) -> None:
    # Given a batch, itself with an undo, of which the last member breaks
    middle = told(*fresh("desk"), break_down.message("vase"))
    chain_id = dispatch_chain(ledger, *around((middle, undo_batch)))
    ledger.work()
    # Then the chain ends there, and what was done is undone, the batch first
    assert links(ledger, chain_id) == [DONE, FAILED, CANCELLED, CANCELLED]
    assert ledger.named("begin_batch")[0].error.endswith("1 of 2 jobs of its batch failed")
    undone = [what for what in ledger.effects() if what.startswith("undo")]
    assert undone == [f"undo batch {batches(ledger)[0]}", "undo saw walnut-desk"]
    assert told_of(ledger) == ["catch", "finally"]


def test_a_batch_that_allows_failures_lets_its_chain_go_on(ledger: Ledger) -> None:
    middle = told(*fresh("desk"), break_down.message("vase")).allow_failures()
    chain_id = dispatch_chain(ledger, *around(middle))
    ledger.work()
    assert links(ledger, chain_id) == [DONE] * 4
    assert told_of(ledger) == ["catch", "finally"]


def test_a_batch_that_is_cancelled_ends_its_chain_and_it_is_undone_when_the_last_member_has_ended(
    ledger: Ledger,
) -> None:
    # Given a batch of which one member is at work
    chain_id = dispatch_chain(ledger, *around(told(*fresh("desk", "chair"))))
    ledger.run(next_one(ledger))
    ledger.run(next_one(ledger))
    at_work = next_one(ledger)
    # When it is cancelled
    [batch_id] = batches(ledger)
    with ledger.transaction() as tx:
        cancel_batch(tx, batch_id, "enough")
    work_besides(ledger)
    # Then nothing is undone while a member is at work
    assert links(ledger, chain_id) == [DONE, BLOCKED, BLOCKED, BLOCKED]
    assert ledger.effects() == ["saw walnut-desk"]
    # And when that has ended, all is
    ledger.run(at_work)
    ledger.work()
    assert links(ledger, chain_id) == [DONE, CANCELLED, CANCELLED, CANCELLED]
    assert ledger.effects()[-1] == "undo saw walnut-desk"
    assert ledger.outcomes(ledger.named("begin_batch")[0].id) == ["released", "cancelled"]
    assert counts(ledger, batch_id) == (0, 0, 1, 1)


def test_one_member_that_is_cancelled_ends_the_chain_when_the_others_have_run(ledger: Ledger) -> None:
    chain_id = dispatch_chain(ledger, *around(told(*fresh("desk", "chair"))))
    ledger.run(next_one(ledger))
    ledger.run(next_one(ledger))
    [first, *_] = ledger.rows("select id from jobs where batch_id is not null order by id")
    cancel(ledger, first.id)
    ledger.work()
    assert links(ledger, chain_id) == [DONE, CANCELLED, CANCELLED, CANCELLED]
    assert ledger.effects() == ["saw walnut-desk", "chair", "finally", "undo saw walnut-desk"]


def test_a_link_behind_a_batch_that_runs_takes_the_batch_along(ledger: Ledger) -> None:
    # Given a chain whose batch runs
    chain_id = dispatch_chain(ledger, *around(told(*fresh("desk", "chair"))))
    ledger.run(next_one(ledger))
    ledger.run(next_one(ledger))
    at_work = next_one(ledger)
    # When an operator cancels the link behind it, or the batch's own link
    [last] = [row.id for row in ledger.rows("select id from jobs where chain_id = %s and link = 3", (chain_id,))]
    begin = ledger.named("begin_batch")[0].id
    assert set(cancel(ledger, last, begin)) == {last, begin}
    ledger.work()
    # Then its members end, also those at work, and the chain is undone
    ledger.run(at_work)
    assert links(ledger, chain_id) == [DONE, CANCELLED, CANCELLED, CANCELLED]
    assert ledger.effects() == ["saw walnut-desk", "finally", "undo saw walnut-desk"]
    assert counts(ledger, batches(ledger)[0]) == (0, 0, 2, 0)
