"""Facts get positions in their order and become jobs; what cannot be expanded is parked."""

import json
import threading
from collections.abc import Callable
from contextlib import closing
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.worker.relay import Relay
from shared.db.engine import connect
from shared.db.transaction import Transaction, transaction
from shared.events.catalogue import OrderConfirmed, OrderPlaced
from shared.events.record import record
from shared.ids import new_id
from tests.facts import fact, positions, stream
from tests.ledger import Ledger, order
from tests.ledger_jobs import LISTENERS, write_down
from tests.waiting import wait_until


def test_a_fact_becomes_jobs_that_know_their_cause(ledger: Ledger) -> None:
    placed = ledger.place(1042)
    ledger.hand_over()
    [job] = ledger.named("write_down")
    assert (job.event_id, job.aggregate_id) == (placed, fact(ledger, placed).aggregate_id)
    assert job.args == ["order 1042"]


def test_a_fact_of_a_transaction_that_rolls_back_never_was(ledger: Ledger) -> None:
    def break_off(tx: Transaction) -> None:
        record(tx, OrderPlaced(order=order(1042)))
        raise KeyError("the lights went out")

    with pytest.raises(KeyError), ledger.transaction() as tx:
        break_off(tx)
    ledger.work()
    assert ledger.rows("select * from events") == []
    assert ledger.effects() == []


def test_the_facts_of_an_order_get_positions_in_the_order_of_their_commits(ledger: Ledger) -> None:
    # Given three customers whose orders each go through many versions, each version by another connection, while
    # relays expand without a pause
    orders = [new_id() for _ in range(3)]
    over = threading.Event()

    def shop(order_id: UUID) -> None:
        for version in range(1, 21):
            with closing(connect()) as connection, transaction(connection) as tx:
                tx.one("select pg_advisory_xact_lock(hashtext(%s))", (str(order_id),))  # stands for the order's row
                record(tx, OrderConfirmed(order=order(version, version=version, order_id=order_id)))

    in_parallel([lambda o=o: shop(o) for o in orders], over, relays=2)  # type: ignore[misc]  # mypy does not infer a default
    ledger.hand_over()
    # Then each order's facts stand in the order of its versions
    for order_id in orders:
        rows = ledger.rows(
            "select aggregate_version from events where aggregate_id = %s order by position", (order_id,)
        )
        assert [row.aggregate_version for row in rows] == list(range(1, 21))
    # And the stream holds each once, in the order of all positions
    assert [entry_id for entry_id, _ in stream(ledger)] == [f"{position}-0" for position in positions(ledger)]
    assert len(positions(ledger)) == 60


def test_two_relays_make_no_duplicates(ledger: Ledger) -> None:
    # Given forty orders placed while two relays work
    def shop() -> None:
        for number in range(40):
            with closing(connect()) as connection, transaction(connection) as tx:
                record(tx, OrderPlaced(order=order(number)))

    in_parallel([shop], threading.Event(), relays=2)
    ledger.work()
    # Then each became one job, and one entry
    assert sorted(ledger.effects()) == sorted(f"order {number}" for number in range(40))
    assert len(stream(ledger)) == 40


def in_parallel(shops: list[Callable[[], None]], over: threading.Event, relays: int) -> None:
    """Run the shops beside some relays, and wait until they are done."""

    def relay() -> None:
        one = Relay(LISTENERS)
        with closing(one.database()):
            while not over.is_set():
                one.turn()

    threads = [threading.Thread(target=relay) for _ in range(relays)]
    working = [threading.Thread(target=shop) for shop in shops]
    for thread in (*threads, *working):
        thread.start()
    for thread in working:
        thread.join()
    over.set()
    for thread in threads:
        thread.join()


def test_a_fault_of_our_own_ends_no_relay(ledger: Ledger) -> None:
    # Given a queue in Redis with something that is no job, which makes the look for lost messages raise
    ledger.set(lost_message_seconds=0)
    ledger.dispatch(write_down, "walnut-desk")
    ledger.hand_over()
    ledger.redis.rpush("taboor:queue:default", "nonsense")
    # When a relay has met it
    relay = ledger.relay()
    wait_until(lambda: "relay_stumbled" in relay.said())
    # Then it goes on with what comes
    placed = ledger.place(1042)
    wait_until(lambda: fact(ledger, placed).position)
    assert relay.alive()


def test_a_version_of_an_event_that_this_code_does_not_know_is_parked_and_tried_again(ledger: Ledger) -> None:
    # Given a fact that a newer version of the code recorded, before one that this code knows
    newer = ledger.place(1)
    ledger.connection.execute("update events set version = 2 where id = %s", (newer,))
    ledger.place(2)
    # When the relay has looked
    ledger.work()
    # Then it is parked with the reason, unheard, and the other went on
    row = fact(ledger, newer)
    assert (row.position, row.parked_times) == (None, 1)
    assert "OrderPlaced version 2" in row.parked_reason
    assert ledger.effects() == ["order 2"]
    # And after half a minute it is tried again; by now the code knows it
    ledger.tidy()
    assert fact(ledger, newer).parked_at is not None
    ledger.connection.execute(
        "update events set version = 1, parked_at = parked_at - interval '31 s' where id = %s", (newer,)
    )
    ledger.tidy()
    ledger.work()
    assert ledger.effects() == ["order 2", "order 1"]
    assert [json.loads(entry[b"data"])["order"]["number"] for _, entry in stream(ledger)] == [2, 1]


def test_operators_are_called_for_a_fact_that_is_parked(ledger: Ledger) -> None:
    # Given a fact whose listener raises
    culprit = ledger.place(1, "pm_listener_raises")
    # When the relay takes its turn
    with capture_logs() as lines:
        ledger.hand_over()
    # Then one line of the log has the key that alarms are made by
    (line,) = [line for line in lines if line.get("alert") == "event_parked"]
    assert (line["log_level"], line["id"]) == ("error", str(culprit))


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("pm_listener_raises", "no such desk"),
        ("pm_row_is_refused", "out of range"),
        ("pm_is_no_json", "not JSON serializable"),
    ],
)
def test_a_fact_that_cannot_be_expanded_is_parked_alone(ledger: Ledger, method: str, reason: str) -> None:
    # Given a fact that breaks its listener, or whose jobs PostgreSQL refuses, among others in one batch
    first, culprit, last = ledger.place(1), ledger.place(2, method), ledger.place(3)
    # When the relay takes its turn
    ledger.work()
    # Then that one is parked with the reason, and has no jobs
    row = fact(ledger, culprit)
    assert row.parked_at is not None
    assert reason in row.parked_reason
    # And the others have theirs
    assert sorted(ledger.effects()) == ["order 1", "order 3"]
    assert fact(ledger, first).position < fact(ledger, last).position
    # And it is parked again, and for longer, when the second try finds no better
    ledger.connection.execute("update events set parked_at = parked_at - interval '31 s' where id = %s", (culprit,))
    ledger.tidy()
    ledger.work()
    assert fact(ledger, culprit).parked_times == 2
    ledger.connection.execute("update events set parked_at = parked_at - interval '31 s' where id = %s", (culprit,))
    ledger.tidy()
    assert fact(ledger, culprit).parked_at is not None


def test_a_fact_recorded_by_a_job_knows_the_job_and_its_fact(ledger: Ledger) -> None:
    # Given a job that follows from a fact
    placed = ledger.place(1042)
    ledger.hand_over()
    [claimed] = ledger.claim()
    # When it records another
    with transaction(ledger.connection, claimed.cause) as tx:
        confirmed = record(tx, OrderConfirmed(order=order(1042, version=2)))
    # Then the chain of causes can be read
    assert claimed.name == write_down.name
    assert (fact(ledger, confirmed).job_id, fact(ledger, confirmed).parent_event_id) == (claimed.id, placed)
