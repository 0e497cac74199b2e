"""Serial keys: one at a time, in the order of dispatch, whatever kind and queue; and unique jobs."""

from shared.jobs import operations
from shared.jobs.batch import batch
from shared.jobs.chain import chain
from shared.jobs.job import Message
from shared.jobs.running import Claimed
from tests.ledger import Ledger
from tests.ledger_batches import cancel, counts, dispatch, retry, work_besides
from tests.ledger_core_jobs import leave_the_line, queue_up, queue_up_elsewhere, stumble_in_line, sweep_up
from tests.ledger_jobs import count_stock, saw, write_down
from tests.waiting import wait_until


def in_line(ledger: Ledger, *messages: Message) -> None:
    with ledger.transaction() as tx:
        for message in messages:
            message.dispatch(tx)


def order(ledger: Ledger, key: str) -> list[str]:
    """Return who came to an end in the line of that key, in order."""
    return [what.removeprefix(f"end {key} ") for what in ledger.effects() if what.startswith(f"end {key} ")]


def hand_over_and_claim(ledger: Ledger) -> list[Claimed]:
    ledger.hand_over()
    return ledger.claim(at_most=8)


def waiting(ledger: Ledger) -> list[tuple[str, str | None]]:
    found = ledger.rows("select args ->> 1 as who, reason from jobs where state = 'scheduled' order by id")
    return [(row.who, row.reason) for row in found]


# --- one at a time ---


def test_the_next_one_starts_when_the_one_before_has_ended(ledger: Ledger) -> None:
    # Given three in one line
    in_line(ledger, *(queue_up.message("till", what) for what in ("first", "second", "third")))
    # When they are due
    ledger.hand_over()
    ledger.hand_over()
    # Then one is on its way, and the others say what they wait for
    [first] = ledger.claim(at_most=8)
    assert waiting(ledger) == [("second", "waits for its turn"), ("third", "waits for its turn")]
    # And when it has ended, the next one comes
    ledger.run(first)
    ledger.hand_over()
    [second] = ledger.claim(at_most=8)
    assert second.args == ["till", "second"]
    ledger.run(second)
    ledger.work()
    assert order(ledger, "till") == ["first", "second", "third"]


def test_a_line_is_one_across_kinds_and_queues_and_other_lines_pass_it(ledger: Ledger) -> None:
    in_line(
        ledger,
        queue_up.message("till", "1"),
        queue_up_elsewhere.message("till", "2", priority=-5),
        queue_up.message("till", "3", priority=-9),
        queue_up.message("door", "a"),
        write_down.message("no line"),
    )
    ledger.hand_over()
    assert {tuple(one.args) for one in ledger.claim(at_most=8)} == {("till", "1"), ("door", "a"), ("no line",)}
    assert ledger.claim("other", at_most=8) == []


def test_a_retry_keeps_its_place(ledger: Ledger) -> None:
    # Given one that trips, and two behind it
    in_line(ledger, stumble_in_line.message("till", "clumsy"), *(queue_up.message("till", str(n)) for n in range(2)))
    ledger.hand_over()
    [clumsy] = ledger.claim()
    ledger.run(clumsy)
    # When it waits for its second try, the others still wait for it
    ledger.hand_over()
    assert ledger.claim(at_most=8) == []
    assert [reason for _, reason in waiting(ledger)] == ["retrying", "waits for its turn", "waits for its turn"]
    # Then it comes first
    ledger.work()
    assert order(ledger, "till") == ["clumsy", "0", "1"]


def test_a_released_one_keeps_its_place_and_one_whose_worker_died_too(ledger: Ledger) -> None:
    in_line(ledger, leave_the_line.message("till", "release"), queue_up.message("till", "behind"))
    ledger.hand_over()
    [released] = ledger.claim()
    ledger.run(released)
    ledger.hand_over()
    assert ledger.claim() == []
    assert waiting(ledger) == [("release", "the shop is closed"), ("behind", "waits for its turn")]
    # And after that, its worker dies
    wait_until(lambda: hand_over_and_claim(ledger))
    ledger.connection.execute("update jobs set lease_until = clock_timestamp() where state = 'running'")
    wait_until(ledger.reap)
    ledger.hand_over()
    assert [one.args for one in ledger.claim(at_most=8)] == [["till", "release"]]


def test_one_that_fails_is_skipped_or_is_cancelled_lets_the_next_go(ledger: Ledger) -> None:
    # Given a line of those
    in_line(
        ledger,
        leave_the_line.message("till", "fail"),
        leave_the_line.message("till", "skip"),
        queue_up.message("till", "cancelled at work"),
        queue_up.message("till", "cancelled on its way"),
        queue_up.message("till", "cancelled in line"),
        queue_up.message("till", "last"),
    )
    rows = {row.args[1]: row.id for row in ledger.rows("select id, args from jobs")}
    for _ in range(2):
        ledger.hand_over()
        ledger.run(ledger.claim()[0])
    # When one at work is cancelled, then one that is queued, and one that waits
    ledger.hand_over()
    [at_work] = ledger.claim()
    cancel(ledger, at_work.id)
    ledger.hand_over()
    assert ledger.job(rows["cancelled on its way"]).state == "queued"
    cancel(ledger, rows["cancelled on its way"])
    cancel(ledger, rows["cancelled in line"])
    ledger.run(at_work)
    ledger.work()
    # Then the last one has had its turn
    assert order(ledger, "till") == ["last"]
    assert ledger.job(rows["fail"]).state == "failed"
    assert ledger.job(rows["skip"]).state == "succeeded"
    assert ledger.job(rows["skip"]).reason == "nothing to do for till"


def test_one_that_waits_for_its_time_does_not_hold_the_line(ledger: Ledger) -> None:
    # Given one that is due in a minute, and one behind it
    in_line(ledger, queue_up.message("till", "later", delay=60), queue_up.message("till", "now"))
    ledger.work()
    assert order(ledger, "till") == ["now"]
    # When its time comes, with another behind it
    in_line(ledger, queue_up.message("till", "after"))
    later = ledger.rows("select id from jobs where available_at > clock_timestamp() + '1 s'")[0].id
    with ledger.transaction() as tx:
        assert operations.run_now(tx, [later]) == [later]
    ledger.work()
    # Then it comes first, as it was dispatched
    assert order(ledger, "till") == ["now", "later", "after"]


def test_two_do_not_wait_for_each_other_when_the_later_one_was_first_and_is_tried_again(ledger: Ledger) -> None:
    # Given one that is due later, and one dispatched after it that is at work meanwhile
    in_line(ledger, queue_up.message("till", "earlier", delay=60), stumble_in_line.message("till", "later"))
    [later] = hand_over_and_claim(ledger)
    # When the first one's time has come, it waits for the other
    ledger.connection.execute("update jobs set available_at = clock_timestamp() where state = 'scheduled'")
    assert hand_over_and_claim(ledger) == []
    assert waiting(ledger) == [("earlier", "waits for its turn")]
    # And when that has failed and is to be tried again, both come to their end
    ledger.run(later)
    ledger.work()
    assert order(ledger, "till") == ["earlier", "later"]


def test_no_operator_can_make_one_jump_its_line(ledger: Ledger) -> None:
    in_line(ledger, queue_up.message("till", "first"), queue_up.message("till", "second"))
    ledger.hand_over()
    [first] = ledger.claim()
    second = ledger.rows("select id from jobs where state = 'scheduled'")[0].id
    with ledger.transaction() as tx:
        assert operations.run_now(tx, [second]) == []
    ledger.run(first)
    ledger.work()
    assert order(ledger, "till") == ["first", "second"]


def test_members_and_links_keep_to_their_lines(ledger: Ledger) -> None:
    # Given a batch and a chain with members of one line
    batch_id = dispatch(ledger, batch(*(queue_up.message("till", f"member {n}") for n in range(3))))
    with ledger.transaction() as tx:
        chain(saw, queue_up.message("till", "link"), write_down).dispatch(tx, "oak")
    ledger.work()
    assert sorted(order(ledger, "till")) == ["link", "member 0", "member 1", "member 2"]
    assert [what for what in order(ledger, "till") if what != "link"] == ["member 0", "member 1", "member 2"]
    assert counts(ledger, batch_id) == (0, 0, 0, 3)
    assert ledger.count_open() == 0


def test_a_failed_one_that_is_retried_comes_before_those_that_wait(ledger: Ledger) -> None:
    in_line(ledger, leave_the_line.message("till", "fail"), *(queue_up.message("till", str(n)) for n in range(3)))
    ledger.hand_over()
    [failing] = ledger.claim()
    ledger.run(failing)
    ledger.hand_over()
    [at_work] = ledger.claim()
    # When it is retried while the next one is at work
    retry(ledger, [failing.id])
    assert hand_over_and_claim(ledger) == []
    ledger.run(at_work)
    ledger.hand_over()
    # Then its turn comes first
    [again] = ledger.claim(at_most=8)
    assert again.id == failing.id
    ledger.run(again)
    work_besides(ledger)
    assert order(ledger, "till") == ["0", "1", "2"]


def test_many_waiting_in_one_line_do_not_keep_others_of_their_queue_waiting(ledger: Ledger) -> None:
    # Given two hundred in one line, and one that is in none behind them
    in_line(ledger, *(queue_up.message("till", str(n)) for n in range(200)), write_down.message("no line"))
    # When the relay takes one turn
    ledger.hand_over()
    # Then both the first and the other are on their way
    assert [one.args[-1] for one in ledger.claim(at_most=8)] == ["0", "no line"]


# --- unique ---


def test_a_unique_job_is_refused_while_its_double_is_open_and_not_afterwards(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        assert count_stock.dispatch(tx, "oak") is not None
        assert count_stock.dispatch(tx, "oak") is None
        assert count_stock.dispatch(tx, "walnut") is not None
    ledger.hand_over()
    [oak, walnut] = ledger.claim(at_most=2)
    with ledger.transaction() as tx:
        assert count_stock.dispatch(tx, "oak") is None
    ledger.run(oak)
    ledger.run(walnut)
    assert ledger.dispatch(count_stock, "oak")


def test_one_that_is_unique_until_it_starts_may_be_dispatched_while_it_runs(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        first = sweep_up.dispatch(tx, "the yard")
        assert sweep_up.dispatch(tx, "the yard") is None
    ledger.hand_over()
    [claimed] = ledger.claim()
    with ledger.transaction() as tx:
        assert sweep_up.dispatch(tx, "the yard") is None  # claimed, but not started
    ledger.run(claimed)
    second = ledger.dispatch(sweep_up, "the yard")
    assert first != second
    ledger.work()
    assert ledger.effects() == ["swept the yard"] * 2
