"""Facts get positions in their order, become jobs, and reach the live stream; what cannot be expanded is parked."""

import json
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.worker.relay import Relay
from shared.broadcasting.stream import CURSOR, KEPT, REWIND, REWRITE, STREAM
from shared.db.engine import connect
from shared.db.transaction import Transaction, transaction
from shared.events.catalogue import OrderConfirmed, OrderPlaced
from shared.events.record import record
from shared.ids import new_id
from tests.ledger import Ledger, order
from tests.ledger_jobs import LISTENERS, write_down
from tests.waiting import wait_until


def fact(ledger: Ledger, event_id: UUID) -> Any:
    return ledger.rows("select * from events where id = %s", (event_id,))[0]


def stream(ledger: Ledger) -> list[tuple[str, dict[bytes, bytes]]]:
    entries: Any = ledger.redis.xrange(STREAM)
    return [(entry_id.decode(), fields) for entry_id, fields in entries]


def positions(ledger: Ledger) -> list[int]:
    return [row.position for row in ledger.rows("select position from events where position > 0 order by position")]


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


def test_an_entry_of_the_stream_says_what_happened_and_who_may_hear_it(ledger: Ledger) -> None:
    placed = ledger.place(1042)
    ledger.hand_over()
    row = fact(ledger, placed)
    [(entry_id, entry)] = stream(ledger)
    assert entry_id == f"{row.position}-0"
    assert entry[b"event"] == b"OrderPlaced"
    data = json.loads(entry[b"data"])
    assert (data["event_id"], data["order"]["number"]) == (row.position, 1042)
    assert f"private-orders.{row.aggregate_id}" in json.loads(entry[b"channels"])


@pytest.mark.parametrize("next_fact", [False, True], ids=["while nothing happens", "with a new fact first"])
def test_a_wiped_stream_is_written_again(ledger: Ledger, next_fact: bool) -> None:
    # Given a stream of three facts
    for number in range(3):
        ledger.place(number)
    ledger.hand_over()
    # When Redis is wiped, and the next thing is a new fact, or the relay's own look
    ledger.redis.flushall()
    if next_fact:
        ledger.place(3)
    else:
        ledger.tidy()
    ledger.hand_over()
    # Then the stream holds what it held, under the same ids, and what is new
    assert [entry_id for entry_id, _ in stream(ledger)] == [f"{position}-0" for position in positions(ledger)]
    assert len(stream(ledger)) == 4 if next_fact else 3


def test_what_is_long_past_is_not_written_again(ledger: Ledger) -> None:
    old = ledger.place(1)
    ledger.hand_over()
    ledger.connection.execute("update events set occurred_at = occurred_at - interval '16 min' where id = %s", (old,))
    ledger.redis.flushall()
    ledger.place(2)
    ledger.hand_over()
    assert [json.loads(entry[b"data"])["order"]["number"] for _, entry in stream(ledger)] == [2]


def test_what_was_parked_for_long_hides_nothing_from_a_stream_that_is_written_again(ledger: Ledger) -> None:
    # Given a fact of an hour ago that was parked until now, after a fact of today
    ledger.place(1)
    ledger.hand_over()
    parked = ledger.place(2)
    ledger.connection.execute(
        "update events set occurred_at = occurred_at - interval '1 hour', parked_times = 3 where id = %s", (parked,)
    )
    ledger.hand_over()
    # When Redis is wiped
    ledger.redis.flushall()
    ledger.tidy()
    ledger.hand_over()
    # Then both are written again
    assert [json.loads(entry[b"data"])["order"]["number"] for _, entry in stream(ledger)] == [1, 2]


OLD_FACTS = """
insert into events (id, position, name, aggregate, aggregate_id, aggregate_version, payload, occurred_at)
select gen_random_uuid(), nextval('event_positions'), 'OrderPlaced', 'order', gen_random_uuid(), 1, '{}',
       clock_timestamp() - interval '1 day' from generate_series(1, 20000)
"""


def test_writing_a_wiped_stream_again_reads_the_last_facts_and_not_all_that_ever_were(ledger: Ledger) -> None:
    # Given many facts of yesterday, and three of today
    ledger.connection.execute(OLD_FACTS)
    for number in range(3):
        ledger.place(number)
    ledger.hand_over()
    # When the relay's connection looks from where to write again
    query = f"explain (analyze, format json) {REWIND}"
    parameters = {"name": CURSOR, "kept": KEPT, "minutes": REWRITE}
    with connect(by_key=True) as relays:
        ((plan,),) = relays.execute(query, parameters, prepare=False).fetchall()
    # Then it reads no more than it must
    assert rows_read(plan[0]["Plan"]) < 20
    assert ledger.rows("select position from stream_cursor")[0].position == 20_000


def test_writing_a_wiped_stream_again_goes_no_further_back_than_the_stream_keeps(ledger: Ledger) -> None:
    # Given more facts within minutes than are kept
    for number in range(5):
        ledger.place(number)
    ledger.hand_over()
    # When
    ledger.connection.execute(REWIND, {"name": CURSOR, "kept": 2, "minutes": REWRITE})
    # Then
    assert ledger.rows("select position from stream_cursor")[0].position == positions(ledger)[-3]


def rows_read(node: Any) -> int:
    """Return how many rows of the facts a plan has read from the table or an index."""
    own = 0
    if node.get("Relation Name") == "events":
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return int(own) + sum(rows_read(part) for part in node.get("Plans", []))


def test_beside_the_redis_of_another_database_the_stream_is_made_anew(ledger: Ledger) -> None:
    # Given a Redis whose stream has got further than this database
    ledger.redis.xadd(STREAM, {"event": "OrderPlaced"}, id="5000-0")
    # When an order is placed, and a relay starts
    ledger.place(1042)
    relay = ledger.relay()
    # Then the stream is ours, from the first fact on
    wait_until(lambda: [entry_id for entry_id, _ in stream(ledger)] == [f"{n}-0" for n in positions(ledger)] != [])
    assert "another database" in relay.said()
    # And what follows is heard
    ledger.place(1043)
    wait_until(lambda: len(stream(ledger)) == 2)


def test_a_stream_that_is_ours_is_left_alone(ledger: Ledger) -> None:
    ledger.place(1042)
    ledger.hand_over()
    ledger.redis.xadd(STREAM, {"event": "a mark"}, id=f"{positions(ledger)[0]}-1")
    ledger.tidy()
    ledger.hand_over()
    assert len(stream(ledger)) == 2


@pytest.mark.parametrize("payload", ["{}", '["no", "object"]', '{"order": {"id": 7}}'])
def test_a_stored_fact_that_cannot_be_read_does_not_keep_others_from_being_heard(ledger: Ledger, payload: str) -> None:
    # Given a fact whose payload the code of today cannot read, followed by another
    broken = ledger.place(1)
    ledger.hand_over()
    ledger.connection.execute("update events set payload = %s::jsonb where id = %s", (payload, broken))
    # When the stream has to be written again
    ledger.redis.flushall()
    ledger.place(2)
    ledger.hand_over()
    # Then it is heard by nobody, and the other by those whom it concerns
    assert [len(json.loads(entry[b"channels"])) for _, entry in stream(ledger)] == [0, 3]


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
