"""Webhooks, heard by a real receiver; cases K of the conformance list."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from shared.broadcasting import keys
from shared.engines.redis import RedisServer
from tests.realtime_alone import KEY, SECRET, own_redis
from tests.realtime_client import Client, succeeded
from tests.realtime_cluster import Cluster, cluster
from tests.receiver import Receiver
from tests.waiting import wait_until

_numbers = count(1)
LAYLA = '{"user_id":"layla"}'


@pytest.fixture(scope="module")
def redis(engines_folder: Path) -> Iterator[RedisServer]:
    with own_redis(engines_folder) as server:
        yield server


@pytest.fixture(scope="module")
def app() -> Iterator[Receiver]:
    """The app's webhook, which refuses the first two calls."""
    with Receiver(refuse=2) as app:
        yield app


@pytest.fixture(scope="module")
def two(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory, app: Receiver) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("webhooks")
    with cluster(redis, folder, ["cairo-1", "cairo-2"], webhook_url=f"{app.url}/pusher") as together:
        yield together


@pytest.fixture
def room() -> str:
    return f"presence-room-{next(_numbers)}"


def told(app: Receiver, channel: str, *, counts: bool = False) -> list[dict[str, Any]]:
    """Return what the app was told of a channel."""
    events = [event for received in list(app.received) for event in json.loads(received.body)["events"]]
    of_it = [event for event in events if event["channel"] == channel]
    return [event for event in of_it if counts or event["name"] != "subscription_count"]


def names(app: Receiver, channel: str) -> list[str]:
    return [event["name"] for event in told(app, channel)]


def test_a_channel_that_is_occupied_is_told_signed_and_again_until_it_is_heard(two: Cluster, app: Receiver) -> None:
    """K1 K5: the receiver refused the first two."""
    # When somebody subscribes
    with two.client() as layla:
        layla.subscribe("walnut-desk")
        wait_until(lambda: names(app, "walnut-desk") == ["channel_occupied"])
        assert app.refused == 2
        # Then the app is told, by a body that is signed with its secret, and says when it was made
        first = app.received[0]
        right = hmac.new(SECRET.encode(), first.body.encode(), hashlib.sha256).hexdigest()
        assert (first.path, first.headers["X-Pusher-Key"]) == ("/pusher", KEY)
        assert first.headers["X-Pusher-Signature"] == right
        assert first.headers["Content-Type"] == "application/json"
        assert abs(json.loads(first.body)["time_ms"] / 1000 - time.time()) < 30
        # And one more subscriber, on another node, changes the count and nothing else
        with two.client(1) as omar:
            omar.subscribe("walnut-desk")
            wait_until(
                lambda: 2 in [event.get("subscription_count") for event in told(app, "walnut-desk", counts=True)]
            )
            assert names(app, "walnut-desk") == ["channel_occupied"]


def test_a_channel_is_vacated_and_a_member_removed_after_three_seconds(two: Cluster, app: Receiver, room: str) -> None:
    """K2 K3: once each, though both nodes look."""
    with two.client() as layla:
        layla.subscribe(room, LAYLA)
        wait_until(lambda: sorted(names(app, room)) == ["channel_occupied", "member_added"])
    left = time.monotonic()
    wait_until(lambda: len(names(app, room)) == 4)
    assert time.monotonic() - left > 2.8
    assert sorted(names(app, room)[2:]) == ["channel_vacated", "member_removed"]
    assert {"name": "member_removed", "channel": room, "user_id": "layla"} in told(app, room)


def test_who_comes_back_in_time_was_never_gone(two: Cluster, app: Receiver, room: str) -> None:
    """K2 K3: also if it is to another node."""
    with two.client() as layla:
        layla.subscribe(room, LAYLA)
        wait_until(lambda: len(names(app, room)) == 2)
    with two.client(1) as layla, two.redis_client() as redis:
        wait_until(lambda: redis.zrange("taboor:held", 0, -1))
        layla.subscribe(room, LAYLA)
        # When the time is over in which it would be told (another channel's is)
        with two.client() as omar:
            omar.subscribe(f"{room}-witness", '{"user_id":"omar"}')
            wait_until(lambda: len(names(app, f"{room}-witness")) == 2)
        wait_until(lambda: len(names(app, f"{room}-witness")) == 4)
        # Then nothing was told
        assert sorted(names(app, room)) == ["channel_occupied", "member_added"]


def test_client_events_are_told_with_their_sender(two: Cluster, app: Receiver, room: str) -> None:
    """K4."""
    with two.client() as layla, two.client(1) as omar:
        layla.subscribe(room, LAYLA)
        omar.subscribe(room, '{"user_id":"omar"}')
        layla.say("client-typing", {"in": "البحث"}, channel=room)
        wait_until(lambda: "client_event" in names(app, room))
        (event,) = [event for event in told(app, room) if event["name"] == "client_event"]
        data = event.pop("data")
        assert json.loads(data) == {"in": "البحث"}
        assert event == {
            "name": "client_event",
            "channel": room,
            "event": "client-typing",
            "socket_id": layla.socket_id,
            "user_id": "layla",
        }


def test_a_cache_that_is_missed_is_told(two: Cluster, app: Receiver) -> None:
    with two.client() as layla:
        assert succeeded(layla.subscribe("cache-prices"))
        wait_until(lambda: "cache_miss" in names(app, "cache-prices"))
        assert {"name": "cache_miss", "channel": "cache-prices"} in told(app, "cache-prices")


def test_the_members_and_channels_of_a_killed_node_are_told_to_be_gone(two: Cluster, app: Receiver, room: str) -> None:
    """And those who are there hear it once. The dead node's lease runs out at once, by our hand."""
    killed = two.nodes[1]
    with two.client() as layla, Client(killed.port) as omar, two.redis_client() as client:
        layla.subscribe(room, LAYLA)
        omar.subscribe(room, '{"user_id":"omar"}')
        omar.subscribe(f"{room}-alone", '{"user_id":"omar"}')
        layla.until("pusher_internal:member_added")
        wait_until(lambda: names(app, f"{room}-alone").count("member_added") == 1)
        # When the node is killed
        killed.process.kill()
        wait_until(lambda: client.pexpire(keys.node(killed.name), 1) or not client.exists(keys.node(killed.name)))
        # Then the others hear of it, once
        assert json.loads(layla.until("pusher_internal:member_removed")["data"]) == {"user_id": "omar"}
        wait_until(lambda: sorted(names(app, f"{room}-alone"))[2:] == ["member_added", "member_removed"])
        assert layla.nothing_came()
        assert two.app().users_info(room) == {"users": [{"id": "layla"}]}
        assert f"{room}-alone" not in two.app().channels_info()["channels"]
        # And when it is started again, it is a node like others
        killed.start()
        with Client(killed.port) as nour:
            nour.subscribe(room, '{"user_id":"nour"}')
            assert json.loads(layla.until("pusher_internal:member_added")["data"]) == {"user_id": "nour"}


def test_after_a_wipe_of_redis_members_are_who_they_were_and_hear_nothing(two: Cluster, room: str) -> None:
    with two.client() as layla, two.client(1) as omar:
        layla.subscribe(room, LAYLA)
        omar.subscribe(room, '{"user_id":"omar"}')
        layla.until("pusher_internal:member_added")
        with two.redis_client() as client:
            client.flushall()
        wait_until(lambda: len(two.app().users_info(room)["users"]) == 2)
        wait_until(lambda: two.app().channel_info(room, ["subscription_count"])["subscription_count"] == 2)
        heard = layla.before("pusher:resume_failed")
        assert [frame["event"] for frame in heard] == ["pusher:resume_failed"]
        omar.ws.close()
        assert json.loads(layla.until("pusher_internal:member_removed")["data"]) == {"user_id": "omar"}
