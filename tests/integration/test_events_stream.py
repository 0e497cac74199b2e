"""The live stream holds the last facts in the order of their positions, and is written again when Redis forgets it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.broadcasting import keys
from shared.broadcasting.names import is_channel
from shared.broadcasting.stream import CURSOR, REWIND, REWRITE
from shared.clock import now
from shared.db.engine import connect
from shared.events.catalogue import SessionRevoked
from shared.events.record import record
from shared.ids import new_id
from tests.facts import channel, fact, positions, stream
from tests.ledger import Ledger
from tests.waiting import wait_until


def test_an_entry_of_the_stream_says_what_happened_and_who_may_hear_it(ledger: Ledger) -> None:
    placed = ledger.place(1042)
    ledger.hand_over()
    row = fact(ledger, placed)
    [(entry_id, entry)] = stream(ledger)
    assert entry_id == f"{row.position}-0"
    assert entry[b"event"] == rb"App\Events\OrderPlaced"
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
    parameters = {"name": CURSOR, "kept": keys.BUS_KEPT, "minutes": REWRITE}
    with connect(by_key=True) as relays:
        ((plan,),) = relays.execute(query, parameters, prepare=False).fetchall()
    # Then it reads no more than it must
    assert rows_read(plan[0]["Plan"]) < 20
    assert ledger.rows("select position from stream_cursor")[0].position == positions(ledger)[-4]


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
    ledger.redis.xadd(keys.BUS, {"event": "OrderPlaced"}, id="1000000000-0")
    ledger.redis.set(keys.LIFE, "theirs")
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
    ledger.redis.xadd(keys.BUS, {"event": "a mark"}, id=f"{positions(ledger)[0]}-1")
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


# --- channels, from which is replayed -----------------------------------------------------


def test_what_a_channel_hears_can_be_replayed_under_the_same_ids(ledger: Ledger) -> None:
    placed = ledger.place(1042)
    ledger.hand_over()
    row = fact(ledger, placed)
    for wire_name in (f"private-orders.{row.aggregate_id}", "private-orders"):
        [(entry_id, entry)] = channel(ledger, wire_name)
        assert entry_id == f"{row.position}-0"
        assert entry == {name: value for name, value in stream(ledger)[0][1].items() if name in (b"event", b"data")}
        assert 0 < ledger.redis.ttl(keys.channel(wire_name)) <= keys.CHANNEL_SECONDS


def test_a_channel_keeps_its_last_facts_and_the_bus_goes_on(ledger: Ledger) -> None:
    for number in range(3 * keys.CHANNEL_KEPT):
        ledger.place(number)
    while len(stream(ledger)) < 3 * keys.CHANNEL_KEPT:
        ledger.hand_over()
    kept = channel(ledger, "private-orders")
    assert keys.CHANNEL_KEPT <= len(kept) < 2 * keys.CHANNEL_KEPT
    assert kept[-1][0] == f"{positions(ledger)[-1]}-0"


def test_the_end_of_a_session_is_on_the_bus_and_in_one_stream_that_no_client_can_ask_for(ledger: Ledger) -> None:
    session = new_id()
    with ledger.transaction() as tx:
        record(tx, SessionRevoked(session_id=session, user_id=new_id()))
    ledger.hand_over()
    [(_, entry)] = stream(ledger)
    assert json.loads(entry[b"channels"]) == [f"#session-{session}"]
    assert ledger.redis.keys(keys.channel("*")) == [keys.channel(f"#session-{session}").encode()]
    assert not is_channel(f"#session-{session}")


def test_a_fact_carries_its_arabic_as_it_is_written(ledger: Ledger) -> None:
    ledger.place(1)
    ledger.hand_over()
    assert "مكتب خشب جوز".encode() in stream(ledger)[0][1][b"data"]


# --- whether nothing is missing -------------------------------------------------------------


def test_after_a_wipe_the_bus_has_another_life(ledger: Ledger) -> None:
    ledger.place(1)
    ledger.hand_over()
    first = ledger.redis.get(keys.LIFE)
    ledger.place(2)
    ledger.hand_over()
    assert ledger.redis.get(keys.LIFE) == first
    # When
    ledger.redis.flushall()
    ledger.place(3)
    ledger.hand_over()
    # Then
    assert ledger.redis.get(keys.LIFE) not in (None, first)


@pytest.mark.parametrize("next_fact", [False, True], ids=["while nothing happens", "with a new fact first"])
def test_a_redis_that_came_back_without_the_last_facts_gets_them_again_and_another_life(
    ledger: Ledger, next_fact: bool
) -> None:
    # Given a bus and channels whose last fact was not yet on Redis's disk when it crashed
    for number in range(3):
        ledger.place(number)
        ledger.hand_over()
    before, life = stream(ledger)[:-1], ledger.redis.get(keys.LIFE)
    for key in (keys.BUS, keys.channel("private-orders")):
        ledger.redis.delete(key)
        for entry_id, fields in before:
            ledger.redis.xadd(key, fields, id=entry_id)  # type: ignore[arg-type]  # redis's dict is invariant
    # When the next thing is a new fact, or the relay's own look
    if next_fact:
        ledger.place(3)
        ledger.hand_over()
    else:
        ledger.tidy()
    ledger.hand_over()
    # Then nothing is missing, and who had listened knows that something may have been
    entries = [f"{position}-0" for position in positions(ledger)]
    assert [entry_id for entry_id, _ in stream(ledger)] == entries
    assert [entry_id for entry_id, _ in channel(ledger, "private-orders")] == entries
    assert ledger.redis.get(keys.LIFE) not in (None, life)


def let_time_pass(ledger: Ledger, of_the_first: int) -> None:
    """The bus as it is when its first entries are 31 minutes old."""
    entries = stream(ledger)
    ledger.redis.delete(keys.BUS)
    for place, (entry_id, fields) in enumerate(entries):
        at = (now() - timedelta(minutes=31)).isoformat().encode() if place < of_the_first else fields[b"occurred_at"]
        ledger.redis.xadd(keys.BUS, {**fields, b"occurred_at": at}, id=entry_id)  # type: ignore[dict-item]  # as above


def test_what_is_too_old_to_be_replayed_is_dropped_exactly_and_the_bus_lives_on(ledger: Ledger) -> None:
    # Given two facts of long ago and one of now
    for number in range(3):
        ledger.place(number)
    ledger.hand_over()
    let_time_pass(ledger, of_the_first=2)
    ledger.redis.expire(keys.LIFE, 60)
    # When
    ledger.tidy()
    # Then
    assert [json.loads(entry[b"data"])["order"]["number"] for _, entry in stream(ledger)] == [2]
    assert ledger.redis.ttl(keys.LIFE) > 60


def test_an_emptied_bus_remembers_how_far_it_was(ledger: Ledger) -> None:
    ledger.place(1)
    ledger.hand_over()
    let_time_pass(ledger, of_the_first=1)
    ledger.tidy()
    ledger.tidy()
    assert stream(ledger) == []
    life = ledger.redis.get(keys.LIFE)
    ledger.place(2)
    ledger.hand_over()
    assert [entry_id for entry_id, _ in stream(ledger)] == [f"{positions(ledger)[-1]}-0"]
    assert ledger.redis.get(keys.LIFE) == life


def test_a_bus_that_no_relay_has_trimmed_for_long_is_made_anew(ledger: Ledger) -> None:
    # Given a bus whose relay was away for so long that its life ran out; channels may be forgotten since
    ledger.place(1)
    ledger.hand_over()
    ledger.redis.delete(keys.LIFE)
    # When
    ledger.place(2)
    ledger.hand_over()
    ledger.hand_over()
    # Then
    assert len(stream(ledger)) == 2
    assert ledger.redis.exists(keys.LIFE)


def test_a_channel_of_another_database_does_not_keep_ours_from_being_kept(ledger: Ledger) -> None:
    ledger.redis.xadd(keys.channel("private-orders"), {"event": "theirs"}, id="1000000000-0")
    ledger.place(1)
    ledger.hand_over()
    assert [entry_id for entry_id, _ in channel(ledger, "private-orders")] == [f"{positions(ledger)[0]}-0"]
