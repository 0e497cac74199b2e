"""Server-Sent Events: what may be heard is heard in order and once, and a client that was away goes on, or is told."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from services.api.database import CONNECTIONS
from shared.broadcasting import keys
from shared.engines.redis import RedisServer
from shared.events.catalogue import OrderConfirmed, OrderPlaced, SessionRevoked
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.broadcasting import order_of
from tests.events import golden
from tests.listening import Listening, say, shipped
from tests.waiting import wait_until

#: A process of its own: its heart beats fast, and it has few places.
QUICK = {"SSE_HEARTBEAT_SECONDS": "0.4", "SSE_STREAMS": "12"}


@pytest.fixture(scope="module")
def quick(shop_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    redis.start()
    with ApiProcess(tmp_path_factory.mktemp("sse"), shop_url, redis.url, QUICK) as process:
        yield process


@pytest.fixture
def live(redis_url: str) -> Iterator[Redis]:
    """The streams, empty."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def layla(quick: ApiProcess) -> Customer:
    return quick.customer("ليلى")


@pytest.fixture
def order(quick: ApiProcess, layla: Customer) -> str:
    return order_of(layla, quick)


def test_what_happens_to_an_order_is_heard_in_order_with_its_position(layla: Customer, order: str, live: Redis) -> None:
    # Given
    say(live, 1, shipped(new_id()))
    with Listening(layla, [f"orders.{order}"]) as heard:
        heard.wait_for_id("1")
        # When
        say(live, 2, shipped(order, kind=OrderPlaced), shipped(new_id()), shipped(order, kind=OrderConfirmed))
        say(live, 5, shipped(order))
        # Then
        heard.wait_for(("OrderPlaced", "2"), ("OrderConfirmed", "4"), ("OrderShipped", "5"))
        told = heard.blocks[-1]
        assert told.event == r"App\Events\OrderShipped"
        data = json.loads(told.data)
        assert (data["order"]["id"], data["event_id"]) == (order, 5)
        assert heard.blocks[0].retry.isdecimal()


def test_what_is_said_on_two_channels_is_heard_once(layla: Customer, order: str, live: Redis) -> None:
    # Given
    channels = [f"orders.{order}", f"user.{layla.id}", f"orders.{order}"]
    with Listening(layla, channels, after=0) as heard:
        heard.wait_for(("resume_failed", ""))  # there is no stream at all yet
        # When
        say(live, 1, shipped(order, layla.id, OrderPlaced), shipped(new_id(), layla.id, OrderPlaced))
        say(live, 3, shipped(order, layla.id))
        # Then
        wait_until(lambda: ("OrderShipped", "3") in heard.events)
        assert [one for one in heard.events if one[1]] == [
            ("OrderPlaced", "1"),
            ("OrderPlaced", "2"),
            ("OrderShipped", "3"),
        ]


def test_a_client_that_was_away_gets_what_it_missed_once(layla: Customer, order: str, live: Redis) -> None:
    # Given
    say(live, 1, shipped(order, kind=OrderPlaced))
    with Listening(layla, [f"orders.{order}"]) as heard:
        heard.wait_for_id("1")
        say(live, 2, shipped(order, kind=OrderConfirmed))
        heard.wait_for(("OrderConfirmed", "2"))
    # When something happens while nobody listens
    say(live, 3, shipped(order), shipped(new_id()))
    for ways in ({"headers": {"Last-Event-ID": heard.last_id}}, {"after": heard.last_id}):
        with Listening(layla, [f"orders.{order}"], **ways) as again:
            # Then
            again.wait_for(("OrderShipped", "3"))
            again.wait_for_id("4")  # a heartbeat moves on, though nothing was said here


def test_what_the_browser_says_is_newer_than_what_its_address_says(layla: Customer, order: str, live: Redis) -> None:
    say(live, 1, shipped(order, kind=OrderPlaced), shipped(order, kind=OrderConfirmed), shipped(order))
    with Listening(layla, [f"orders.{order}"], {"Last-Event-ID": "2"}, after=0) as heard:
        heard.wait_for(("OrderShipped", "3"))


def test_whoever_missed_more_than_there_is_to_replay_is_told_and_goes_on(
    layla: Customer, order: str, live: Redis
) -> None:
    # Given a bus that has forgotten its first facts, and a channel that has forgotten even more
    last = say(live, 1, *(shipped(new_id()) for _ in range(9)), shipped(order), shipped(order))
    live.xtrim(keys.BUS, minid="5-0", approximate=False)
    live.xtrim(keys.channel(f"private-orders.{order}"), maxlen=1, approximate=False)
    for after, missed in ((3, True), (4, True), (9, True), (10, True), (11, False), (999, True)):
        # When
        with Listening(layla, [f"orders.{order}"], after=after) as heard:
            # Then
            if missed:
                assert _heard(heard, "resume_failed")[0] == "resume_failed", after
            last = say(live, last + 1, shipped(order))
            assert _heard(heard, str(last)).count("resume_failed") == missed, after


def test_a_client_that_is_there_when_redis_is_wiped_is_told_and_goes_on(
    layla: Customer, order: str, live: Redis
) -> None:
    # Given
    say(live, 1, shipped(order, kind=OrderPlaced))
    with Listening(layla, [f"orders.{order}"]) as heard:
        heard.wait_for_id("1")
        # When
        live.flushall()
        # Then
        wait_until(lambda: [name for name, _ in heard.events] == ["resume_failed"])
        say(live, 2, shipped(order))
        wait_until(lambda: ("OrderShipped", "2") in heard.events)


def test_a_client_that_is_there_when_redis_is_away_hears_afterwards_what_happened(
    layla: Customer, order: str, live: Redis, redis: RedisServer
) -> None:
    # Given
    say(live, 1, shipped(order, kind=OrderPlaced))
    with Listening(layla, [f"orders.{order}"]) as heard:
        heard.wait_for_id("1")
        # When Redis stops
        redis.stop()
        beats = len(heard.blocks)
        wait_until(lambda: len(heard.blocks) > beats + 1)  # the heart beats on
        redis.start()
        say(live, 2, shipped(order))
        # Then
        heard.wait_for(("OrderShipped", "2"))


def _heard(heard: Listening, last: str) -> list[str]:
    """Wait for an event or a position, and return the names of all events until then."""
    wait_until(lambda: any(last in event for event in heard.events))
    return [name for name, _ in heard.events]


# --- who may -------------------------------------------------------------------------------


def test_omar_hears_nothing_of_laylas_order(quick: ApiProcess, layla: Customer, order: str) -> None:
    omar = quick.customer("Omar")
    problem(omar.get("/sse", params={"channel": f"orders.{order}"}), 403, "forbidden")
    both = [f"user.{omar.id}", f"orders.{order}"]
    problem(omar.get("/sse", params={"channel": both}), 403, "forbidden")
    problem(quick.http.get("/sse", params={"channel": f"orders.{order}"}), 401, "unauthorised")
    problem(layla.get("/sse", params={"channel": "orders"}), 403, "forbidden")
    problem(omar.get("/sse", params={"channel": f"private-orders.{order}"}), 403, "forbidden")


def test_the_operator_hears_all_orders(quick: ApiProcess, live: Redis) -> None:
    nour = quick.customer("Nour", "operator")
    say(live, 1, shipped(new_id()))
    with Listening(nour, ["orders"], after=1) as heard:
        say(live, 2, shipped(new_id(), kind=OrderPlaced))
        heard.wait_for(("OrderPlaced", "2"))


def test_a_channel_may_be_called_as_it_is_on_the_wire(layla: Customer, order: str, live: Redis) -> None:
    say(live, 1, shipped(order))
    with Listening(layla, [f"private-orders.{order}", f"orders.{order}"], after=0) as heard:
        heard.wait_for(("OrderShipped", "1"))


@pytest.mark.parametrize("channel", ["products", "queues", "private-queues"])
def test_whoever_asks_for_signals_is_told_where_they_are(layla: Customer, channel: str) -> None:
    told = problem(layla.get("/sse", params={"channel": channel}), 422, "no_facts")
    assert "signals only: the realtime service" in told["detail"]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({}, {}, 422),
        ({"channel": "a:b"}, {}, 422),
        ({"channel": ["orders"] * 11}, {}, 422),
        ({"channel": "orders", "after": "-1"}, {}, 422),
        ({"channel": "orders", "after": "desk"}, {}, 422),
        ({"channel": "orders", "after": str(2**63)}, {}, 422),
        ({"channel": "orders"}, {"Last-Event-ID": "desk"}, 400),
    ],
)
def test_what_cannot_be_heard_is_a_problem(
    layla: Customer, query: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    problem(layla.get("/sse", params=query, headers=headers), status, {400: "malformed", 422: "invalid"}[status])


# --- how it ends ---------------------------------------------------------------------------


def test_a_stream_ends_with_the_session_that_opened_it(layla: Customer, order: str) -> None:
    with Listening(layla, [f"orders.{order}"]) as heard:
        wait_until(lambda: heard.blocks)
        # When
        layla.http.delete("/sessions/current").raise_for_status()
        # Then
        wait_until(lambda: heard.ended)
        assert heard.events[-1] == ("session_ended", "")
    problem(layla.get("/sse", params={"channel": f"orders.{order}"}), 401, "session_ended")


@pytest.mark.parametrize("begun", [True, False])
def test_a_stream_ends_as_soon_as_the_end_of_its_session_is_heard(
    shop_url: str, redis: RedisServer, tmp_path: Path, live: Redis, begun: bool
) -> None:
    # Given a heart that beats too seldom to find out
    with ApiProcess(tmp_path, shop_url, redis.url, {"SSE_HEARTBEAT_SECONDS": "60"}) as api:
        layla = api.customer("ليلى")
        mine = f"user.{layla.id}"
        ended = golden(SessionRevoked).model_copy(update={"session_id": layla.session_id})
        said = [shipped(new_id(), layla.id), ended, shipped(new_id(), layla.id)]
        say(live, 1, golden(SessionRevoked))  # another's
        if not begun:
            say(live, 2, *said)  # in the moment between the question who it is and the first look
        with Listening(layla, [mine], after=1) as heard:
            if begun:
                wait_until(lambda: heard.blocks)
                say(live, 2, *said)
            # Then it ends with what was said before
            wait_until(lambda: heard.ended)
            assert heard.events == [("OrderShipped", "2"), ("session_ended", "")]


def test_a_stream_ends_with_the_right_to_listen(quick: ApiProcess) -> None:
    nour = quick.customer("Nour", "operator")
    with Listening(nour, ["orders"]) as heard:
        wait_until(lambda: heard.blocks)
        # When
        quick.sql("update users set role = 'customer' where id = %s", nour.id)
        # Then
        wait_until(lambda: heard.ended)


def test_places_are_few_for_each_and_for_all_and_are_free_again_when_left(quick: ApiProcess, layla: Customer) -> None:
    # Given Layla has as many as one may, and Omar the rest
    mine, omar = f"user.{layla.id}", quick.customer("Omar")
    _nobody_listens(quick)
    with ExitStack() as others, ExitStack() as hers:
        for _ in range(10):
            hers.enter_context(Listening(layla, [mine]))
        problem(layla.get("/sse", params={"channel": mine}), 429, "too_many_streams")
        for _ in range(2):
            others.enter_context(Listening(omar, [f"user.{omar.id}"]))
        # When / Then
        answer = omar.get("/sse", params={"channel": f"user.{omar.id}"})
        problem(answer, 503, "crowded")
        assert answer.headers["retry-after"] == "1"
    # And when they left
    _nobody_listens(quick)
    with Listening(layla, [mine]) as heard:
        wait_until(lambda: heard.blocks)


def test_while_it_streams_it_holds_no_connection_of_the_database(
    shop_url: str, redis: RedisServer, tmp_path: Path, layla: Customer
) -> None:
    # Given more streams than the process has threads and connections
    with ApiProcess(tmp_path, shop_url, redis.url) as api, ExitStack() as streams:
        for who in (layla, api.customer("Omar")):
            who.http = api.client(who.token)
            for _ in range(10):
                streams.enter_context(Listening(who, [f"user.{who.id}"]))
        # Then the shop is open
        for _ in range(CONNECTIONS):
            assert layla.get("/orders", timeout=3).status_code == 200


def test_a_process_that_stops_ends_its_streams_at_once(
    shop_url: str, redis: RedisServer, tmp_path: Path, layla: Customer
) -> None:
    # Given
    with ApiProcess(tmp_path, shop_url, redis.url) as api:
        layla.http = api.client(layla.token)
        with Listening(layla, [f"user.{layla.id}"]) as heard:
            wait_until(lambda: heard.blocks)
            # When
            began = time.monotonic()
            api._process.send_signal(signal.SIGTERM)
            # Then
            assert api._process.wait(10) in (0, -signal.SIGTERM)
            assert time.monotonic() - began < 3
            wait_until(lambda: heard.ended)
        assert "Traceback" not in api.log.read_text()


def _nobody_listens(api: ApiProcess) -> None:
    wait_until(lambda: "taboor_http_streams 0.0" in api.http.get("/metrics").text)
