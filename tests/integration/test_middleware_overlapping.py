"""`without_overlapping`: one at a time, by a lock that lives and dies with its holder's attempt."""

from uuid import UUID

from tests.ledger import Ledger
from tests.middleware_jobs import dust, oil, polish, polish_one, wax
from tests.middleware_process import layered_unit
from tests.waiting import noticed_that_its_attempt_is_over, wait_until

FREE_AGAIN = 2.0  # seconds from the lost lease until the next one has run


def holder(ledger: Ledger, key: str) -> UUID:
    return UUID(str(ledger.rows("select job_id from job_locks where key = %s", (key,))[0].job_id))


def test_jobs_with_the_same_key_never_overlap_on_two_units(ledger: Ledger) -> None:
    # Given two units with free threads
    ledger.relay()
    layered_unit(ledger, "one")
    layered_unit(ledger, "two")
    # When eight jobs want the same key
    jobs = [ledger.dispatch(polish, f"desk {number}", 0.05) for number in range(8)]
    ledger.wait_until_done()
    # Then each began after the one before had ended
    effects = ledger.effects()
    assert [words.split()[0] for words in effects] == ["begin", "end"] * 8
    assert all(begin.split()[1:] == end.split()[1:] for begin, end in zip(effects[::2], effects[1::2], strict=True))
    # And those that waited have burnt no try
    rows = [ledger.job(job) for job in jobs]
    assert {(row.state, row.failures) for row in rows} == {("succeeded", 0)}
    assert sum(row.deferrals for row in rows) > 0


def test_jobs_with_other_keys_do_not_wait_and_those_with_the_same_say_for_whom(ledger: Ledger) -> None:
    # Given a job that runs
    ledger.dispatch(polish_one, "walnut-desk", 0.0)
    ledger.hand_over()
    [first] = ledger.claim()
    same = ledger.dispatch(polish_one, "walnut-desk", 0.0)
    other = ledger.dispatch(polish_one, "cedar-chest", 0.0)
    ledger.connection.execute(
        "insert into job_locks (key, job_id, attempt) values ('polish_one:walnut-desk', %s, 1)", (first.id,)
    )
    # When two others are tried meanwhile
    ledger.hand_over()
    for claimed in ledger.claim(at_most=2):
        ledger.run(claimed)
    # Then one has run, and the other says whom it waits for
    assert ledger.job(other).state == "succeeded"
    waiting = ledger.job(same)
    assert (waiting.state, waiting.deferrals, waiting.failures) == ("scheduled", 1, 0)
    assert waiting.reason == f"waits for polish_one {first.id}, which holds polish_one:walnut-desk"
    # And when the first one is over, its turn comes
    ledger.run(first)
    ledger.work()
    assert ledger.job(same).state == "succeeded"
    assert holder(ledger, "polish_one:walnut-desk") == same


def test_a_shared_key_keeps_jobs_of_every_kind_apart(ledger: Ledger) -> None:
    # Given a job that runs with a shared key
    ledger.relay()
    layered_unit(ledger, "one")
    ledger.dispatch(wax, "walnut-desk", 0.5)
    ledger.wait_for_effect("begin walnut-desk")
    # When another kind wants it
    job = ledger.dispatch(oil, "walnut-desk")
    # Then it waits until the first is over
    wait_until(lambda: ledger.job(job).deferrals > 0)
    ledger.wait_until_done()
    assert ledger.effects() == ["begin walnut-desk", "end walnut-desk", "oiled walnut-desk"]


def test_who_is_not_to_wait_is_skipped(ledger: Ledger) -> None:
    # Given a job that runs
    ledger.relay()
    layered_unit(ledger, "one")
    first = ledger.dispatch(dust, "walnut-desk", 0.5)
    ledger.wait_for_effect("begin walnut-desk")
    # When another comes meanwhile
    second = ledger.dispatch(dust, "walnut-desk", 0.5)
    row = ledger.wait_for(second, "succeeded")
    # Then it has succeeded without running
    assert row.reason == f"waits for dust {first}, which holds dust:walnut-desk"
    ledger.wait_until_done()
    assert ledger.effects() == ["begin walnut-desk", "end walnut-desk"]


def test_a_lock_is_free_as_soon_as_its_holder_was_killed_and_lost_its_lease(ledger: Ledger) -> None:
    # Given a job that would hold the lock for long, and another that waits for it
    ledger.set(lease_seconds=1)
    ledger.relay()
    killed = layered_unit(ledger, "one", "heavy")
    lost = ledger.dispatch(polish, "walnut-desk", 20.0, queue="heavy")
    ledger.wait_for_effect("begin walnut-desk")
    layered_unit(ledger, "two")
    waiting = ledger.dispatch(polish, "cedar-chest", 0.0)
    wait_until(lambda: ledger.job(waiting).deferrals > 0)
    # When the only unit that could go on with the first is killed
    killed.kill()
    # Then the other one has the lock, and no time had to pass but the lease's
    ended = ledger.wait_for(waiting, "succeeded")
    assert holder(ledger, "polish:all") == waiting
    [attempt] = ledger.attempts(lost)
    assert attempt.outcome == "lost"
    assert (ended.finished_at - attempt.finished_at).total_seconds() < FREE_AGAIN


def test_a_frozen_holder_that_wakes_up_has_no_lock_and_cannot_finish(ledger: Ledger) -> None:
    # Given a job that holds the lock on a unit that freezes
    ledger.set(lease_seconds=1)
    ledger.relay()
    frozen = layered_unit(ledger, "one")
    ledger.dispatch(polish, "walnut-desk", 0.5)
    ledger.wait_for_effect("begin walnut-desk")
    frozen.freeze()
    # When another unit does both jobs after its lease has run out
    ledger.dispatch(polish, "cedar-chest", 0.0)
    layered_unit(ledger, "two")
    ledger.wait_until_done()
    # Then each is done once, whatever the first says when it wakes up
    frozen.thaw()
    wait_until(lambda: noticed_that_its_attempt_is_over(frozen.said()))
    assert sorted(words for words in ledger.effects() if words.startswith("end")) == [
        "end cedar-chest",
        "end walnut-desk",
    ]
