"""Lines under load: relays hand over while workers end, and nobody is left standing."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event

from services.worker.relay import Relay
from shared.config import settings
from shared.db.engine import close_thread_connection, connect
from shared.db.transaction import transaction
from shared.jobs import lists
from shared.jobs.claim import claim
from shared.jobs.ending import succeed
from shared.jobs.hand_over import hand_over
from shared.jobs.job import Message
from shared.jobs.runner import run
from shared.jobs.running import fenced
from tests.ledger import Ledger
from tests.ledger_core_jobs import pass_by, queue_up, queue_up_elsewhere, stumble_in_line
from tests.ledger_jobs import LISTENERS
from tests.waiting import wait_until


def order(ledger: Ledger, key: str) -> list[str]:
    """Return who came to an end in the line of that key, in order."""
    return [what.removeprefix(f"end {key} ") for what in ledger.effects() if what.startswith(f"end {key} ")]


def in_line(ledger: Ledger, *messages: Message) -> None:
    with ledger.transaction() as tx:
        for message in messages:
            message.dispatch(tx)


def test_two_relays_and_two_units_keep_every_line_in_order_and_lose_nobody(ledger: Ledger) -> None:
    # Given two relays and two units, the second also for another queue
    for _ in range(2):
        ledger.relay()
    units = [ledger.unit("fast-0", "default,other"), ledger.unit("fast-1", "other,default")]
    keys = ("till", "door", "yard", "loft")
    # When some come at a time, of two kinds, and some of them trip
    for number in range(60):
        for key in keys:
            kind = stumble_in_line if number % 20 == 7 else queue_up_elsewhere if number % 3 else queue_up
            in_line(ledger, kind.message(key, str(number)))
    # Then all come to their end
    ledger.wait_until_done(60)
    assert all(unit.alive() for unit in units)
    for key in keys:
        # In order
        assert order(ledger, key) == [str(number) for number in range(60)]
    # And one at a time
    spans = defaultdict(list)
    for row in ledger.rows(
        "select serial_key as key, a.started_at, a.finished_at from job_attempts a join jobs on id = job_id"
        " order by a.started_at"
    ):
        spans[row.key].append(row)
    assert all(later.started_at >= sooner.finished_at for line in spans.values() for sooner, later in pairwise(line))
    # And both units had a share
    assert len({row.worker for row in ledger.rows("select distinct worker from job_attempts")}) == 2


# --- no call is lost ---


def test_one_that_comes_while_the_one_before_is_just_ending_is_not_put_aside_for_ever(ledger: Ledger) -> None:
    # Given one at work whose end is written, and not committed
    in_line(ledger, pass_by.message("till", 1))
    ledger.hand_over()
    [first] = ledger.claim()
    with connect() as connection, fenced(connection, first) as tx:
        succeed(tx, first)
        assert tx.one("select 1") is not None  # all before is done
        # When another comes, and the relay has a look
        in_line(ledger, pass_by.message("till", 2))
        ledger.hand_over()
        assert ledger.claim() == []
    # Then its turn comes with the next look
    ledger.hand_over()
    assert [one.args for one in ledger.claim()] == [["till", 2]]


def test_one_that_is_just_being_put_aside_is_called_by_the_one_that_ends_meanwhile(ledger: Ledger) -> None:
    # Given one at work, and one behind it that a relay has put aside, and not committed
    in_line(ledger, pass_by.message("till", 1))
    ledger.hand_over()
    [first] = ledger.claim()
    in_line(ledger, pass_by.message("till", 2))
    with ThreadPoolExecutor(1) as threads, connect() as relay:
        with transaction(relay) as tx:
            assert hand_over(tx, settings()) == []
            # When the first one ends meanwhile
            ending = threads.submit(run, first)
            wait_until(lambda: ledger.rows("select from pg_stat_activity where wait_event_type = 'Lock'"))
        ending.result(10)
        threads.submit(close_thread_connection).result()
    # Then the second one was called
    ledger.hand_over()
    assert [one.args for one in ledger.claim()] == [["till", 2]]


class Shop:
    """A relay and two workers that do nothing but hand over, claim and end, as fast as they can."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._closed = Event()

    def relay(self) -> None:
        relay = Relay(LISTENERS)
        while not self._closed.is_set():
            relay.turn()
        relay.database().close()

    def worker(self) -> None:
        with connect(durable=False, by_key=True) as connection:
            while not self._closed.is_set():
                for claimed in claim(connection, "hand@bench", lists.pop(self._ledger.redis, ["default"], 1, 0.01)):
                    run(claimed)
        close_thread_connection()

    def customer(self, numbers: range) -> None:
        with connect() as connection:
            for number in numbers:
                with transaction(connection) as tx:
                    pass_by.dispatch(tx, f"till {number % 3}", number)

    def close(self) -> None:
        self._closed.set()


def test_no_call_is_lost_however_ends_and_hand_overs_and_dispatches_meet(ledger: Ledger) -> None:
    # Given three lines that are always about to be empty, or just not
    shop, customers = Shop(ledger), 2
    with ThreadPoolExecutor(3 + customers) as threads:
        work = [threads.submit(shop.relay), *(threads.submit(shop.worker) for _ in range(2))]
        try:
            # When hundreds come
            came = [threads.submit(shop.customer, range(n, 600, customers)) for n in range(customers)]
            for one in came:
                one.result(60)
            # Then all have had their turn
            wait_until(lambda: ledger.count_open() == 0, 30)
        finally:
            shop.close()
        for one in work:
            one.result(10)
    assert sorted(int(what.split()[-1]) for what in ledger.effects()) == list(range(600))
