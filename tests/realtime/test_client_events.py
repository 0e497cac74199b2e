"""Client events: who may send them, who hears them, how often; cases E of the conformance list."""

import json

import pytest

from tests.realtime_client import Client, succeeded
from tests.realtime_cluster import Cluster

LAYLA, OMAR = '{"user_id":"layla"}', '{"user_id":7,"user_info":{"name":"Omar"}}'
ROOM = "private-room"


def told_4301(client: Client) -> bool:
    answer = client.next()
    return bool(answer["event"] == "pusher:error" and answer["data"]["code"] == 4301)


@pytest.mark.parametrize("data", [{"من": "ليلى", "n": [1, 2.5, None]}, "a text", 7, [], None, {"emoji": "🪑"}])
def test_others_hear_a_client_event_as_it_was_sent_and_the_sender_does_not(
    layla: Client, omar: Client, data: object
) -> None:
    """E1: an object stays an object."""
    # Given two in a room
    assert succeeded(layla.subscribe(ROOM))
    assert succeeded(omar.subscribe(ROOM))
    # When one types
    layla.raw(json.dumps({"event": "client-typing", "channel": ROOM, "data": data}))
    # Then the other sees it
    assert omar.next() == {"event": "client-typing", "channel": ROOM, "data": data}
    assert layla.nothing_came()


def test_a_client_event_may_say_nothing_but_its_name(layla: Client, omar: Client) -> None:
    """`whisper('typing')`: pusher-js leaves data out then."""
    layla.subscribe(ROOM)
    omar.subscribe(ROOM)
    layla.raw('{"event":"client-typing","channel":"private-room"}')
    assert omar.next() == {"event": "client-typing", "channel": ROOM, "data": None}


def test_half_a_surrogate_pair_is_passed_on_as_it_came(layla: Client, omar: Client) -> None:
    """UTF-8 cannot say it; a frame that holds it raw would close every listener."""
    layla.subscribe(ROOM)
    omar.subscribe(ROOM)
    layla.raw('{"event":"client-\\ud83d","channel":"private-room","data":"\\ud83e"}')
    assert omar.text() == '{"event":"client-\\ud83d","channel":"private-room","data":"\\ud83e"}'


@pytest.mark.parametrize("channel", ["room", "private-encrypted-room"])
def test_public_and_encrypted_channels_have_none(layla: Client, omar: Client, channel: str) -> None:
    """E2."""
    layla.subscribe(channel)
    omar.subscribe(channel)
    layla.say("client-typing", {}, channel=channel)
    assert told_4301(layla)
    assert omar.nothing_came()


def test_whoever_is_not_in_the_room_says_nothing_there(layla: Client, omar: Client) -> None:
    """E3: also not after leaving it."""
    omar.subscribe(ROOM)
    layla.say("client-typing", {}, channel=ROOM)
    assert told_4301(layla)
    layla.subscribe(ROOM)
    layla.unsubscribe(ROOM)
    layla.say("client-typing", {}, channel=ROOM)
    assert told_4301(layla)
    assert omar.nothing_came()


@pytest.mark.parametrize(
    "event",
    [
        "pusher_internal:subscription_succeeded",
        "pusher_internal:member_added",
        "pusher:error",
        "App\\Events\\OrderShipped",
        "x-client-typing",
        "Client-typing",
        "",
    ],
)
def test_nobody_can_forge_what_only_the_service_or_the_app_says(layla: Client, omar: Client, event: str) -> None:
    """E4."""
    layla.subscribe(ROOM)
    omar.subscribe(ROOM)
    layla.say(event, {"user_id": "nour"}, channel=ROOM)
    assert layla.next()["event"] == "pusher:error"
    assert omar.nothing_came()


def test_on_presence_channels_the_sender_is_named_by_the_service(layla: Client, omar: Client) -> None:
    """E5: whatever the sender says."""
    layla.subscribe("presence-room", LAYLA)
    omar.subscribe("presence-room", OMAR)
    layla.before("pusher_internal:member_added")
    layla.say("client-typing", {}, channel="presence-room", user_id="nour")
    assert omar.next() == {"event": "client-typing", "channel": "presence-room", "data": {}, "user_id": "layla"}
    omar.say("client-typing", {}, channel="presence-room")
    assert layla.next()["user_id"] == "7"


def test_ten_a_second_are_sent_and_the_eleventh_is_told(layla: Client, omar: Client) -> None:
    """E6: the connection stays."""
    layla.subscribe(ROOM)
    omar.subscribe(ROOM)
    for number in range(15):
        layla.say("client-typing", number, channel=ROOM)
    # Then ten arrive; of the rest the sender is told
    assert [omar.next()["data"] for _ in range(10)] == list(range(10))
    assert all(told_4301(layla) for _ in range(5))
    assert omar.nothing_came()
    assert layla.alive()


@pytest.mark.parametrize("data", ["x" * 10_239, "ل" * 5_120])
def test_a_client_event_of_more_than_ten_kilobytes_is_refused(layla: Client, data: str) -> None:
    layla.subscribe(ROOM)
    layla.say("client-typing", data[:-1], channel=ROOM)
    layla.say("client-typing", data, channel=ROOM)
    assert told_4301(layla)


def test_the_app_can_leave_out_the_socket_it_acts_for(realtime: Cluster, layla: Client, omar: Client) -> None:
    """`broadcast(...)->toOthers()`."""
    layla.subscribe(ROOM)
    omar.subscribe(ROOM)
    realtime.app().trigger(ROOM, "moved", "1", socket_id=layla.socket_id)
    realtime.app().trigger(ROOM, "moved", "2")
    assert omar.next()["data"] == "1"
    assert layla.next()["data"] == "2"
