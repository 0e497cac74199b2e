"""Nothing missed: what a client did not hear is replayed in order, once; or it is told to refetch."""

import json
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from shared.broadcasting import keys
from shared.engines.redis import RedisServer
from tests.realtime_client import Client, Frame, refused, succeeded
from tests.realtime_cluster import Cluster, cluster
from tests.waiting import wait_until

_orders = count(1)


@pytest.fixture
def shop(two: Cluster) -> Cluster:
    """Two nodes, since a client that comes back may find another; and a bus, whatever was wiped before."""
    two.fact("private-orders.nobodys")
    wait_until(lambda: all(node.figure("position") == two.position for node in two.nodes))
    return two


@pytest.fixture
def channel() -> str:
    return f"private-orders.{next(_orders)}"


def resume(client: Client, channel: str, after: int | None, **more: object) -> list[Frame]:
    """Subscribe as the app signs it for a client that heard so much; return all that comes up to the position."""
    client.ask(channel, json.dumps({"after": after, "session": "laylas", "until": time.time() + 60, **more}))
    return client.before("pusher:position")


def facts(frames: list[Frame]) -> list[int]:
    return [json.loads(frame["data"])["event_id"] for frame in frames if frame["event"].startswith("App\\")]


def position(frames: list[Frame]) -> int:
    return int(json.loads(frames[-1]["data"])["position"])


def told_to_refetch(frames: list[Frame]) -> bool:
    return {"event": "pusher:resume_failed", "channel": frames[0]["channel"], "data": "{}"} in frames


def ship(shop: Cluster, channel: str, times: int = 1) -> list[int]:
    """Have an order's facts written, one after the other."""
    return [shop.fact(channel, data=json.dumps({"event_id": shop.position + 1})) for _ in range(times)]


def test_who_heard_nothing_yet_is_told_where_to_resume_from(shop: Cluster, channel: str) -> None:
    # Given facts of a time before
    ship(shop, channel, 2)
    with shop.client() as layla:
        # When Layla subscribes for the first time
        frames = resume(layla, channel, None)
        # Then nothing is replayed, and she knows the position
        assert [frame["event"] for frame in frames] == [
            "pusher_internal:subscription_succeeded",
            "pusher:position",
        ]
        assert frames[-1]["channel"] == channel
        wait_until(lambda: shop.nodes[0].figure("position") == shop.position)
        # And what comes is new
        (new,) = ship(shop, channel)
        assert facts([layla.next()]) == [new]


def test_who_listens_in_silence_is_told_now_and_then_how_far_that_is(redis: RedisServer, tmp_path: Path) -> None:
    """Or they would have to refetch, once the bus has forgotten when they came."""
    with (
        cluster(redis, tmp_path, options=["--position-every", "0.2"]) as shop,
        shop.client() as layla,
        shop.client() as omar,
    ):
        # Given Layla on two channels, of which she leaves one, and Omar, whose client is a stock one
        resume(layla, "private-orders.quiet", None)
        resume(layla, "private-orders.left", 100)
        layla.unsubscribe("private-orders.left")
        omar.subscribe("private-orders.quiet")
        # When something happens elsewhere
        shop.fact("private-orders.another")
        # Then she knows that she has missed nothing until then
        while position([told := layla.until("pusher:position")]) < shop.position:
            assert told["channel"] == "private-orders.quiet"
        assert layla.nothing_came()
        assert omar.nothing_came()
        # And what is said on the channel itself comes before she is told that she has heard it
        (new,) = ship(shop, "private-orders.quiet")
        assert facts([layla.next()]) == [new]
        assert position([layla.next()]) == new


def test_a_stock_client_is_told_nothing_of_positions(shop: Cluster, channel: str) -> None:
    with shop.client() as layla:
        assert succeeded(layla.subscribe(channel))
        assert layla.nothing_came()


@pytest.mark.parametrize("node", [0, 1])
def test_what_was_missed_is_replayed_in_order_once(shop: Cluster, channel: str, node: int) -> None:
    # Given Layla, who heard two facts and lost her connection
    with shop.client() as layla:
        first = position(resume(layla, channel, None))
        heard = ship(shop, channel, 2)
        assert facts([layla.next(), layla.next()]) == heard
    # When three more come, and one of another order
    missed = ship(shop, channel, 2)
    ship(shop, "private-orders.omars")
    missed += ship(shop, channel)
    # Then she is told these when she is back, on whichever node
    with shop.client(node) as layla:
        frames = resume(layla, channel, heard[-1])
        assert facts(frames) == missed
        assert not told_to_refetch(frames)
        assert position(frames) >= missed[-1] > first
        # And the next one once
        (new,) = ship(shop, channel)
        assert facts([layla.next()]) == [new]
        assert layla.nothing_came()


def test_replay_and_live_events_neither_overlap_nor_leave_a_gap(shop: Cluster, channel: str) -> None:
    """While facts are written all the time, clients come back all the time."""
    # Given somebody who writes facts without a pause
    written, over = ship(shop, channel, 3), threading.Event()

    def write() -> None:
        while not over.is_set():
            written.extend(ship(shop, channel))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        cursor = written[0]
        heard = [cursor]
        # When a client is back thirty times, on each node by turns, and listens for a moment
        for number in range(30):
            with shop.client(number % 2) as layla:
                frames = resume(layla, channel, cursor)
                assert not told_to_refetch(frames)
                heard += facts(frames)
                heard += facts([layla.next() for _ in range(5)])
                cursor = heard[-1]
    finally:
        over.set()
        writer.join()
    # Then it heard each fact once, in order
    assert heard == written[: len(heard)]


def test_who_missed_more_than_the_channel_keeps_is_told_to_refetch(shop: Cluster, channel: str) -> None:
    # Given an order with so many facts that the first are cut off
    all_of_them = ship(shop, channel, 3)
    with shop.redis_client() as client:
        client.xtrim(keys.channel(channel), maxlen=1, approximate=False)
    with shop.client() as layla:
        # When Layla heard the first only, then she is told, and hears what is new
        frames = resume(layla, channel, all_of_them[0])
        assert told_to_refetch(frames)
        assert facts(frames) == []
        wait_until(lambda: shop.nodes[0].figure("position") == shop.position)
        (new,) = ship(shop, channel)
        assert facts([layla.next()]) == [new]
    with shop.client() as omar:
        # And whoever heard what is left has missed nothing
        assert facts(resume(omar, channel, all_of_them[2])) == [new]


@pytest.mark.parametrize("away", [-1_000, 1_000_000])
def test_a_cursor_of_another_bus_is_told_to_refetch(shop: Cluster, channel: str, away: int) -> None:
    ship(shop, channel)
    with shop.client() as layla:
        assert told_to_refetch(resume(layla, channel, max(0, shop.position + away)))


def test_a_channel_of_which_nothing_was_ever_told_has_nothing_missing(shop: Cluster, channel: str) -> None:
    before = shop.position
    ship(shop, "private-orders.omars")
    with shop.client() as layla:
        frames = resume(layla, channel, before)
        assert facts(frames) == []
        assert not told_to_refetch(frames)


def test_a_wiped_redis_is_told_to_every_subscription_and_facts_that_are_written_again_are_not_repeated(
    shop: Cluster, channel: str
) -> None:
    with shop.client() as layla, shop.client(1) as omar:
        # Given two who heard an order's facts, and one of them a public channel too
        for client in (layla, omar):
            resume(client, channel, None)
        omar.subscribe("products")
        heard = ship(shop, channel, 2)
        for client in (layla, omar):
            assert facts([client.next(), client.next()]) == heard
        # When Redis is wiped, and the relay writes the last minutes again
        with shop.redis_client() as client:
            client.flushall()
        for number in heard:
            shop.fact(channel, position=number, data=json.dumps({"event_id": number}))
        # Then each subscription is told to refetch
        told = [layla.next(), omar.next(), omar.next()]
        assert [frame["event"] for frame in told] == ["pusher:resume_failed"] * 3
        assert {frame["channel"] for frame in told} == {channel, "products"}
        # And hears what is new, only
        (new,) = ship(shop, channel)
        for client in (layla, omar):
            assert facts([client.next()]) == [new]
            assert client.nothing_came()


def test_while_a_wiped_bus_is_written_again_nobody_resumes(shop: Cluster, channel: str) -> None:
    """What is not there yet is known to the node: it would leave it out when it comes, and the client never hear it."""
    with shop.client() as omar:
        # Given a node that has heard three facts, and a wiped bus to which only the first of them came back
        omar.subscribe(channel)
        heard = ship(shop, channel, 3)
        assert facts([omar.next() for _ in heard]) == heard
        with shop.redis_client() as client:
            client.flushall()
        omar.until("pusher:resume_failed")
        shop.fact(channel, position=heard[0], data=json.dumps({"event_id": heard[0]}))
        # When Layla, who had lost her connection before the first, is back
        with shop.client() as layla:
            # Then she is told to refetch
            assert told_to_refetch(resume(layla, channel, heard[0] - 1))
    for number in heard[1:]:
        shop.fact(channel, position=number)


def test_a_wiped_redis_with_another_database_behind_it_begins_anew(shop: Cluster, channel: str) -> None:
    with shop.client() as layla:
        resume(layla, channel, None)
        # When Redis is wiped, and positions begin at 1 again, for what happens from now on
        with shop.redis_client() as client:
            client.flushall()
        layla.until("pusher:resume_failed")
        with shop.client() as omar:
            # Then who comes in between is told no position of the time before: lower ones would seem heard
            assert position(resume(omar, channel, None)) == 0
        shop.fact(channel, position=1, data='{"event_id":1}', occurred_at="2100-01-01T00:00:00+00:00")
        # And the new ones are heard, though they are lower than before
        assert facts([layla.until("App\\Events\\OrderShipped")]) == [1]
        with shop.client() as omar:
            assert position(resume(omar, channel, None)) == 1
    shop.position = 1


def test_a_session_that_ends_takes_its_sockets_along_and_is_not_let_in_again(shop: Cluster, channel: str) -> None:
    with shop.client() as layla, shop.client(1) as tab, shop.client() as omar:
        # Given Layla on two nodes, and Omar
        for client in (layla, tab):
            resume(client, channel, None, session="layla-1")
        resume(omar, channel, None, session="omar-1")
        # When her session ends
        shop.fact(keys.session("layla-1"), data="{}", event="App\\Events\\SessionRevoked")
        # Then her sockets are closed for good, and his is not
        assert layla.closed()[0] == tab.closed()[0] == 4009
        assert omar.alive()
        # And a ticket of hers, though it is fresh, is good for nothing
        for number in (0, 1):
            with shop.client(number) as again:
                data = json.dumps({"after": None, "session": "layla-1", "until": time.time() + 60})
                assert refused(again.subscribe(channel, data))


def test_a_socket_that_two_sessions_opened_ends_with_the_first_that_ends(shop: Cluster, channel: str) -> None:
    """Or what one of them let in would be heard when it has ended."""
    with shop.client() as layla:
        resume(layla, channel, None, session="layla-3")
        resume(layla, f"{channel}-more", None, session="layla-4")
        shop.fact(keys.session("layla-3"), data="{}", event="App\\Events\\SessionRevoked")
        assert layla.closed()[0] == 4009


def test_an_old_ticket_is_good_for_nothing(shop: Cluster, channel: str) -> None:
    with shop.client() as mallory:
        data = json.dumps({"after": None, "session": "layla-2", "until": time.time() - 1})
        assert refused(mallory.subscribe(channel, data))


def test_a_long_replay_is_no_reason_to_be_closed_as_slow(shop: Cluster, channel: str) -> None:
    # Given a client that missed two megabytes, more than may wait for one that is slow
    before = shop.position
    missed = [shop.fact(channel, data=json.dumps({"event_id": before + n, "x": "x" * 15_000})) for n in range(1, 151)]
    with shop.client() as layla:
        # When it is back and takes its time, then it is told all of it
        layla.ask(channel, json.dumps({"after": before}))
        wait_until(lambda: shop.nodes[0].figure("resumes") > 0)
        assert facts(layla.before("pusher:position")) == missed
        assert layla.alive()
