"""The live stream holds the last facts in the order of their positions, and is written again when Redis forgets it."""

import json
from typing import Any

import pytest

from shared.broadcasting.stream import CURSOR, KEPT, REWIND, REWRITE, STREAM
from shared.db.engine import connect
from tests.facts import fact, positions, stream
from tests.ledger import Ledger
from tests.waiting import wait_until


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
