"""Signals: said soon, the latest of each thing, to those who may hear it; and they never cost their sender anything."""

import json
import time
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from shared.broadcasting import keys
from shared.broadcasting.publish import Taboor
from shared.broadcasting.signals import EVERY, MOST, JobChanged, Signaller, StockChanged, VideoProgressed
from shared.config import settings
from shared.engines.redis import RedisServer
from shared.ids import new_id
from tests.facts import fact
from tests.ledger import Ledger
from tests.ledger_jobs import break_down, wait_long, write_down
from tests.waiting import wait_until

Heard = list[tuple[str, list[str], dict[str, Any]]]


def heard(client: Redis) -> Heard:
    """Return what was said: event, channels, data."""
    entries: Any = client.xrange(keys.SIGNALS)
    assert all(fields[b"kind"] == b"event" and fields[b"except"] == b"" for _, fields in entries)
    return [
        (fields[b"event"].decode(), json.loads(fields[b"channels"]), json.loads(fields[b"data"]))
        for _, fields in entries
    ]


def jobs_heard(ledger: Ledger, job: UUID) -> list[str]:
    return [data["state"] for _, _, data in heard(ledger.redis) if data.get("id") == str(job)]


def finished(number: int = 1, state: Any = "succeeded", job: UUID | None = None) -> JobChanged:
    return JobChanged(id=job or new_id(), name="saw", queue="orders", attempt=number, state=state, about=None)


# --- what workers say ---


def test_a_job_that_ended_is_heard_by_operators_and_by_whoever_follows_its_order(ledger: Ledger) -> None:
    # Given a shop at work
    ledger.relay()
    ledger.unit()
    # When an order is placed, from which a job follows
    placed = ledger.place(1042)
    order = wait_until(lambda: fact(ledger, placed)).aggregate_id
    said = wait_until(lambda: [one for one in heard(ledger.redis) if one[2]["about"] == str(order)])
    # Then its end is told on the channels of operators and of the order, without an error's words
    name, channels, data = said[0]
    assert name == "App\\Events\\JobChanged"
    assert channels == ["private-queues", f"private-orders.{order}", f"private-videos.{order}"]
    assert data["state"] == "succeeded"
    assert set(data) == {"id", "name", "queue", "attempt", "state", "about"}


def test_a_job_that_is_tried_again_and_one_that_is_given_up_are_told_apart(ledger: Ledger) -> None:
    ledger.relay()
    ledger.unit()
    again, never = ledger.dispatch(wait_long, "for glue"), ledger.dispatch(break_down, "saw")
    wait_until(lambda: jobs_heard(ledger, again) and jobs_heard(ledger, never))
    assert (jobs_heard(ledger, again), jobs_heard(ledger, never)) == (["retrying"], ["failed"])


def test_a_redis_that_is_away_slows_no_job(ledger: Ledger, redis: RedisServer) -> None:
    ledger.hand_over()
    job = ledger.dispatch(write_down, "sawn")
    ledger.hand_over()
    (claimed,) = ledger.claim()
    redis.kill()
    began = time.monotonic()
    ledger.run(claimed)
    assert time.monotonic() - began < 0.5
    assert ledger.job(job).state == "succeeded"


# --- the thread that says it ---


def test_of_one_thing_the_latest_is_said_and_not_more_often_than_pages_can_show(redis_url: str) -> None:
    # Given a video that progresses faster than anybody looks
    assert redis_url
    with Redis.from_url(redis_url) as client:
        signaller, began = Signaller(lambda: Taboor(redis_url)), time.monotonic()
        video, owner = new_id(), new_id()
        # When
        percent = 0
        while time.monotonic() - began < 3 * EVERY:
            percent += 1
            signaller.send(VideoProgressed(video_id=video, user_id=owner, percent=percent))
            time.sleep(0.001)
        # Then pages hear a few of the figures, in order, and the last
        last = wait_until(lambda: percent if _percents(client)[-1:] == [percent] else 0)
        told = _percents(client)
        signaller.stop()
    assert told == sorted(told)
    assert len(told) <= (time.monotonic() - began) / EVERY + 1 < last


def _percents(client: Redis) -> list[int]:
    return [data["percent"] for _, _, data in heard(client)]


def test_of_too_much_that_goes_well_not_everything_is_said_but_what_goes_wrong_is(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        signaller = Signaller(lambda: Taboor(redis_url))
        signaller.send(finished())
        wait_until(lambda: heard(client))  # it rests now
        for number in range(10 * MOST):
            signaller.send(finished(number))
        wrong = finished(state="failed")
        signaller.send(wrong)
        wait_until(lambda: len(heard(client)) > MOST)
        signaller.stop()
        said = heard(client)
    assert len(said) == 1 + MOST + 1
    assert said[-1][2]["id"] == str(wrong.id)


def test_after_a_redis_that_was_away_signals_are_heard_again(redis_url: str, redis: RedisServer) -> None:
    # Given a Redis that is away
    signaller = Signaller(lambda: Taboor(redis_url))
    redis.kill()
    began = time.monotonic()
    signaller.send(finished())
    assert time.monotonic() - began < 0.05, "whoever says something does not wait"
    # When it is back
    redis.start()
    with Redis.from_url(redis_url) as client:
        # Then what is said next is heard
        job = new_id()

        def said() -> bool:
            signaller.send(finished(job=job))
            return any(data["id"] == str(job) for _, _, data in heard(client))

        wait_until(said)
    signaller.stop()


PIECES = """
insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand, reserved)
values (%s, 'walnut-desk', 'Walnut desk', 'مكتب خشب جوز', 250000, 'EGP', 10, 10, 3)
"""


def test_how_much_is_left_is_asked_once_and_told_to_everybody(ledger: Ledger) -> None:
    desk = new_id()
    ledger.connection.execute(PIECES, (desk,))
    signaller = Signaller(lambda: Taboor(settings().redis_url))
    for _ in range(20):
        signaller.stock_changed([desk])
    said = wait_until(lambda: heard(ledger.redis))
    signaller.stop()
    expected = StockChanged(product_id=desk, available=7)
    assert said[0] == ("App\\Events\\StockChanged", ["products"], json.loads(expected.model_dump_json()))


def test_what_is_to_be_said_after_a_transaction_is_said_when_it_has_committed(ledger: Ledger) -> None:
    said: list[str] = []
    with ledger.transaction() as tx:
        tx.afterwards(lambda: said.append("committed"))
        assert said == []
    assert said == ["committed"]


def test_nothing_is_said_of_what_was_rolled_back(ledger: Ledger) -> None:
    said: list[str] = []

    def roll_back() -> None:
        with ledger.transaction() as tx:
            tx.afterwards(lambda: said.append("committed"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        roll_back()
    assert said == []
