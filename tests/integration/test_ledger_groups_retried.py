"""What the state machine of batches and operators has found: jobs that wait for others, cancelled and tried again."""

from uuid import UUID

import pytest

from shared.jobs import operations
from shared.jobs.batch import batch, reopen_batch
from shared.jobs.chain import chain
from shared.jobs.job import JobType
from tests.ledger import Ledger
from tests.ledger_batches import cancel, counts, dispatch, dispatch_chain, links, mend, retry, told_of
from tests.ledger_core_jobs import fit
from tests.ledger_jobs import glue, saw, say_no, unsaw, write_down

DONE, CANCELLED, BLOCKED = "succeeded", "cancelled", "blocked"


def of_chain(ledger: Ledger, chain_id: UUID) -> list[UUID]:
    return [row.id for row in ledger.rows("select id from jobs where chain_id = %s order by link", (chain_id,))]


def test_a_callback_that_was_cancelled_waits_for_its_batch_again(ledger: Ledger) -> None:
    # Given a batch that runs, and its last callback cancelled
    finally_ = write_down.message("finally")
    dispatch(ledger, batch(write_down.message("desk")).finally_(finally_))
    assert cancel(ledger, finally_.id) == [finally_.id]
    # When it is retried, it does not run before its batch has ended
    assert retry(ledger, [finally_.id]) == {finally_.id: None}
    assert ledger.job(finally_.id).state == BLOCKED
    ledger.work()
    assert ledger.effects() == ["desk", "finally"]


def test_a_callback_that_was_cancelled_runs_when_its_batch_has_called_it_meanwhile(ledger: Ledger) -> None:
    finally_ = write_down.message("finally")
    dispatch(ledger, batch(write_down.message("desk")).finally_(finally_))
    cancel(ledger, finally_.id)
    ledger.work()
    assert ledger.effects() == ["desk"]
    assert retry(ledger, [finally_.id]) == {finally_.id: None}
    ledger.work()
    assert ledger.effects() == ["desk", "finally"]


def test_a_callback_that_its_batch_did_not_want_is_not_retried(ledger: Ledger) -> None:
    # Given a batch that failed, so that `then` was cancelled
    then, vase = write_down.message("then"), fit.message("vase")
    dispatch(ledger, batch(vase).then(then))
    ledger.work()
    assert ledger.job(then.id).state == CANCELLED
    # When it is retried, it is refused, and stays as it was
    assert retry(ledger, [then.id]) == {then.id: "its batch ended without it: retry the jobs of that"}
    assert (ledger.job(then.id).state, ledger.job(then.id).reason) == (CANCELLED, "its batch ended without it")
    # And by its batch it is called
    mend(ledger, "vase")
    retry(ledger, [vase.id])
    ledger.work()
    assert told_of(ledger) == ["then"]


def test_a_link_is_not_retried_before_those_before_it(ledger: Ledger) -> None:
    # Given a batch that is just beginning, and a chain in it cancelled by its last link before its first was due
    member = chain(saw, glue, write_down).message("oak")
    dispatch_chain(ledger, batch(member, write_down.message("desk")))
    ledger.hand_over()
    [begin] = ledger.claim()
    first, second, third = of_chain(ledger, member.id)
    cancel(ledger, third)
    assert links(ledger, member.id) == [CANCELLED] * 3
    # When the last ones are retried, they are refused; with the first one they all go on
    refusal = "it is a link whose turn never came: retry the one before it that failed"
    assert retry(ledger, [third, second]) == {second: refusal, third: refusal}
    assert retry(ledger, [first]) == {first: None}
    ledger.run(begin)
    ledger.work()
    assert links(ledger, member.id) == [DONE] * 3


def test_what_ends_a_cancelled_batch_is_not_to_be_cancelled(ledger: Ledger) -> None:
    # Given a cancelled batch
    desk = write_down.message("desk")
    chain_id = dispatch_chain(ledger, batch(desk))
    ledger.hand_over()
    [begin] = ledger.claim()
    ledger.run(begin)
    cancel(ledger, *of_chain(ledger, chain_id))
    [ends] = ledger.named("end_cancelled_batch")
    # When somebody cancels all there is
    assert cancel(ledger, ends.id) == []
    # Then it ends all the same
    ledger.work()
    assert ledger.job(desk.id).state == CANCELLED
    assert ledger.count_open() == 0


def test_a_batch_that_waits_again_is_not_ended_by_what_was_to_end_it(ledger: Ledger) -> None:
    # Given a chain whose end has cancelled the empty batch in it
    empty = batch().then(write_down.message("then")).finally_(write_down.message("finally"))
    with ledger.transaction() as tx:
        chain_id = chain(fit.message("vase"), empty).dispatch(tx)
    ledger.hand_over()
    [claimed] = ledger.claim()
    ledger.run(claimed)
    # When it is retried before the ledger's own job has ended the batch
    mend(ledger, "vase")
    retry(ledger, of_chain(ledger, chain_id)[:1])
    ledger.connection.execute("update jobs set priority = -1 where name = 'end_cancelled_batch'")
    ledger.work()
    # Then the callbacks are called when the batch's turn has come
    assert links(ledger, chain_id) == [DONE, DONE]
    assert told_of(ledger) == ["finally", "then"]


def test_a_chain_goes_on_whose_batch_is_retried_before_a_cancel_has_ended_it(ledger: Ledger) -> None:
    # Given a chain with a batch that runs, of which one member has failed
    vase, desk = fit.message("vase"), write_down.message("desk")
    chain_id = dispatch_chain(ledger, batch(vase, desk).allow_failures(), saw, glue)
    ledger.hand_over()
    for claimed in ledger.claim():
        ledger.run(claimed)
    ledger.hand_over()
    [claimed] = ledger.claim()
    ledger.run(claimed)
    assert ledger.job(vase.id).state == "failed"
    # When the link behind it is cancelled, and the failed one retried at once
    cancel(ledger, of_chain(ledger, chain_id)[1])
    mend(ledger, "vase")
    assert retry(ledger, [vase.id]) == {vase.id: None}
    ledger.work()
    # Then the batch ends well, and what comes after it runs
    assert links(ledger, chain_id) == [DONE] * 3
    assert ledger.effects()[-2:] == ["saw walnut-desk", "glue walnut-desk"]


def test_a_chain_of_which_a_link_was_forgotten_is_not_retried(ledger: Ledger) -> None:
    chain_id = dispatch_chain(ledger, saw, glue, write_down)
    first, second, _ = of_chain(ledger, chain_id)
    cancel(ledger, first)
    with ledger.transaction() as tx:
        assert operations.forget(tx, [second]) == [second]
    assert retry(ledger, [first]) == {first: "a link after it was forgotten"}
    assert links(ledger, chain_id) == [CANCELLED] * 2


def test_a_batch_whose_link_was_cancelled_as_it_started_begins_when_a_member_is_retried(ledger: Ledger) -> None:
    # Given a chain that begins with a batch, cancelled between that link's claim and its first statement
    desk, chair = write_down.message("desk"), write_down.message("chair")
    chain_id = dispatch_chain(ledger, batch(desk, chair), saw)
    ledger.hand_over()
    [begin] = ledger.claim()
    cancel(ledger, begin.id)
    ledger.run(begin)
    ledger.hand_over()
    [ends] = ledger.claim()
    # When one member is cancelled, and retried before the other has ended too
    cancel(ledger, desk.id)
    assert retry(ledger, [desk.id]) == {desk.id: None}
    ledger.run(ends)
    ledger.work()
    # Then all run
    assert links(ledger, chain_id) == [DONE] * 2
    assert sorted(ledger.effects()) == ["chair", "desk", "saw walnut-desk"]


def test_what_waits_again_with_its_batch_does_not_wait_for_a_forgotten_link(ledger: Ledger) -> None:
    # Given a chain cancelled before the batch in it began, of which a member is a chain
    member, desk = chain(saw, glue).message("oak"), write_down.message("desk")
    chain_id = dispatch_chain(ledger, fit, batch(member, desk))
    ledger.work()
    forgotten, left = of_chain(ledger, member.id)
    # When that one's first link is forgotten, and the chain retried
    with ledger.transaction() as tx:
        operations.forget(tx, [forgotten])
    mend(ledger, "walnut-desk")
    retry(ledger, of_chain(ledger, chain_id)[:1])
    ledger.work()
    # Then the others run, and nothing waits for ever
    assert ledger.effects()[-1] == "desk"
    assert ledger.job(left).state == CANCELLED
    assert ledger.count_open() == 0


@pytest.mark.parametrize("last", [fit, say_no], ids=["undone", "a business no"])
def test_a_member_of_a_finished_link_is_retried_alone_when_its_chain_has_ended(ledger: Ledger, last: JobType) -> None:
    # Given a chain that went on after a member of its first link had failed, and ended before its last link
    vase, then = fit.message("vase"), write_down.message("then")
    chain_id = dispatch_chain(ledger, batch(vase).allow_failures().then(then), (saw, unsaw), last, glue)
    ledger.work()
    assert ledger.job(vase.id).state == "failed"
    ended = links(ledger, chain_id)
    assert (ended[:2], ended[3]) == ([DONE, DONE], CANCELLED)
    # When that member is retried
    mend(ledger, "vase")
    assert retry(ledger, [vase.id]) == {vase.id: None}
    assert links(ledger, chain_id) == ended
    ledger.work()
    # Then its batch has ended well, and the chain stays as it ended
    assert told_of(ledger) == ["then"]
    assert links(ledger, chain_id) == ended
    assert ledger.count_open() == 0


def test_a_batch_that_another_transaction_ended_first_stays_over(ledger: Ledger) -> None:
    # Given a batch whose only member was cancelled while a retry was about to let it wait again
    desk, then = write_down.message("desk"), write_down.message("then")
    batch_id = dispatch(ledger, batch(desk).then(then))
    cancel(ledger, desk.id)
    assert counts(ledger, batch_id) == (0, 0, 1, 0)
    # When the retry finds no member that waits again
    with ledger.transaction() as tx:
        reopen_batch(tx, batch_id, 0)
    # Then the batch is over, and nothing waits for it
    assert counts(ledger, batch_id) == (0, 0, 1, 0)
    assert ledger.count_open() == 0
