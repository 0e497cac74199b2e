"""Cache channels: who comes late hears the last event; cases F of the conformance list."""

import json
from itertools import count

import pytest

from shared.broadcasting import keys
from tests.realtime_client import Client, succeeded
from tests.realtime_cluster import Cluster

_numbers = count(1)
LAYLA = '{"user_id":"layla"}'


@pytest.fixture(params=["cache-", "private-cache-", "presence-cache-", "private-encrypted-cache-"])
def channel(request: pytest.FixtureRequest) -> str:
    """A channel of each kind, that nobody has used (F2 F3 F4 F5)."""
    return f"{request.param}order-{next(_numbers)}"


def subscribe(client: Client, channel: str) -> dict[str, object]:
    """Subscribe; return what comes after the answer."""
    assert succeeded(client.subscribe(channel, LAYLA if channel.startswith("presence-") else None))
    return client.next()


def test_an_empty_cache_is_told(layla: Client, channel: str) -> None:
    """F1."""
    assert subscribe(layla, channel) == {"event": "pusher:cache_miss", "channel": channel}


def test_the_last_event_is_kept_even_if_nobody_heard_it(realtime: Cluster, layla: Client, channel: str) -> None:
    """F8: and after it, what is new."""
    # Given two events that nobody heard
    publish(realtime, channel, "1")
    publish(realtime, channel, "2")
    # When a client subscribes, then it hears the last
    assert subscribe(layla, channel) == {"event": "moved", "channel": channel, "data": "2"}
    publish(realtime, channel, "3")
    assert layla.next()["data"] == "3"


def test_it_outlives_its_subscribers(realtime: Cluster, layla: Client, omar: Client, channel: str) -> None:
    """F6."""
    subscribe(layla, channel)
    publish(realtime, channel, "1")
    assert layla.next()["data"] == "1"
    layla.ws.close()
    assert subscribe(omar, channel)["data"] == "1"


def test_client_events_are_not_kept(realtime: Cluster, layla: Client, omar: Client) -> None:
    """F7."""
    channel = f"private-cache-room-{next(_numbers)}"
    subscribe(layla, channel)
    layla.say("client-typing", {}, channel=channel)
    assert layla.alive()
    assert subscribe(omar, channel)["event"] == "pusher:cache_miss"
    assert realtime.nodes[0].figure("ready")


def test_it_is_kept_for_half_an_hour(realtime: Cluster, channel: str) -> None:
    publish(realtime, channel, "1")
    with realtime.redis_client() as client:
        assert 1_790 <= client.ttl(keys.cache(channel)) <= 1_800


def publish(realtime: Cluster, channel: str, data: str) -> None:
    """The library would encrypt what is for an encrypted channel; the service does not care."""
    if "encrypted" in channel:
        with realtime.redis_client() as client:
            client.set(keys.cache(channel), json.dumps({"event": "moved", "data": data}), ex=keys.CACHE_SECONDS)
            said = {"kind": "event", "event": "moved", "channels": f'["{channel}"]', "data": data, "except": ""}
            client.xadd(keys.SIGNALS, {**said, "user_id": ""})
        return
    realtime.app().trigger(channel, "moved", data)
