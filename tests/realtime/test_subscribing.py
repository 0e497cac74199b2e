"""Public, private and encrypted channels: cases B and C of the conformance list."""

import json

import pytest

from shared.broadcasting.signatures import sign_channel
from tests.realtime_client import KEY, SECRET, Client, refused, succeeded
from tests.realtime_cluster import Cluster

PROTECTED = [
    "private-orders.7",
    "private-encrypted-orders.7",
    "private-cache-orders.7",
    "private-encrypted-cache-orders.7",
    "presence-orders.7",
    "presence-cache-orders.7",
]
LAYLA = '{"user_id":"layla","user_info":{"name":"ليلى"}}'


# --- B ----------------------------------------------------------------------------------


def test_a_public_channel_is_for_everybody(layla: Client) -> None:
    """B1 B2: data is the text of an empty object."""
    layla.raw('{"event":"pusher:subscribe","data":{"auth":"","channel":"products"}}')
    assert layla.text() == '{"event":"pusher_internal:subscription_succeeded","channel":"products","data":"{}"}'


@pytest.mark.parametrize(
    "data", ['{"من":"ليلى","what":"walnut-desk ☕🪑"}', 'no JSON at all \\ " \n\t\u2028', "", " ", '"quoted"', "null"]
)
def test_data_arrives_byte_for_byte_as_a_text(realtime: Cluster, layla: Client, data: str) -> None:
    """B3 B4."""
    # Given a subscriber
    assert succeeded(layla.subscribe("products"))
    # When the app publishes
    realtime.app().trigger("products", "App\\Events\\StockChanged", data)
    # Then its data is the publisher's
    assert layla.next() == {"event": "App\\Events\\StockChanged", "channel": "products", "data": data}


def test_nobody_hears_what_is_said_elsewhere_or_after_leaving(realtime: Cluster, layla: Client, omar: Client) -> None:
    """B5."""
    # Given Layla, who left desks for chairs, and Omar, who stayed
    layla.subscribe("desks")
    layla.unsubscribe("desks")
    layla.subscribe("chairs")
    omar.subscribe("desks")
    # When something is said of both
    realtime.app().trigger("desks", "restocked", "1")
    realtime.app().trigger("chairs", "restocked", "2")
    # Then each hears their own
    assert layla.next()["channel"] == "chairs"
    assert omar.next()["channel"] == "desks"
    assert layla.nothing_came()
    assert omar.nothing_came()


def test_subscribing_twice_hears_once(realtime: Cluster, layla: Client) -> None:
    """B6."""
    layla.subscribe("products")
    layla.subscribe("products")
    realtime.app().trigger("products", "restocked", "1")
    assert layla.next()["event"] == "restocked"
    assert layla.nothing_came()


@pytest.mark.parametrize(("steps", "ends_subscribed"), [("sus", True), ("susu", False), ("ssuus", True), ("su", False)])
def test_frames_are_dealt_with_in_order_without_waiting(
    realtime: Cluster, layla: Client, steps: str, ends_subscribed: bool
) -> None:
    """B7: also where each subscription asks Redis first."""
    # When a client subscribes and leaves by turns, and waits for no answer
    for step in steps:
        layla.ask("presence-shop", LAYLA) if step == "s" else layla.unsubscribe("presence-shop")
    assert layla.alive()
    # Then only the end of it counts
    realtime.app().trigger("presence-shop", "restocked", "1")
    realtime.app().trigger("presence-shop", "restocked", "2")
    heard = [layla.next()["data"] for _ in range(2)] if ends_subscribed else []
    assert heard == (["1", "2"] if ends_subscribed else [])
    assert layla.nothing_came()


@pytest.mark.parametrize(
    "name", ["", "a b", "ليلى", "a/b", "a#b", "#server-to-user-layla", "#session-1", "a\n", "x" * 165]
)
def test_a_bad_name_is_refused(layla: Client, name: str) -> None:
    """B8."""
    layla.ask(name)
    answer = layla.next()
    assert (answer["event"], answer["channel"]) == ("pusher:subscription_error", name)
    assert layla.alive()


@pytest.mark.parametrize("name", ["x" * 164, "-_=@,.;aZ09"])
def test_a_long_or_odd_name_that_is_allowed_is_served(layla: Client, name: str) -> None:
    """B9."""
    assert succeeded(layla.subscribe(name))


def test_the_201st_channel_of_a_connection_is_refused(layla: Client) -> None:
    """B10: and one left makes room for it."""
    # Given 200 channels
    for number in range(200):
        layla.ask(f"shelf-{number}")
    assert all(succeeded(layla.next()) for _ in range(200))
    # Then another is refused, though one that is there already is not
    assert refused(layla.subscribe("shelf-200"), 4100)
    assert succeeded(layla.subscribe("shelf-7"))
    # And after leaving one there is room
    layla.unsubscribe("shelf-0")
    assert succeeded(layla.subscribe("shelf-200"))


def test_300_events_arrive_in_order(realtime: Cluster, layla: Client) -> None:
    """B11."""
    layla.subscribe("products")
    app = realtime.app()
    for start in range(0, 300, 10):
        app.trigger_batch([{"channel": "products", "name": "n", "data": str(start + one)} for one in range(10)])
    assert [layla.next()["data"] for _ in range(300)] == [str(number) for number in range(300)]


def test_an_event_of_several_channels_is_heard_on_each(realtime: Cluster, layla: Client) -> None:
    """B12 B13: a hundred of them."""
    names = [f"shelf-{number}" for number in range(100)]
    for name in names:
        layla.ask(name)
    assert all(succeeded(layla.next()) for _ in names)
    realtime.app().trigger(names, "restocked", "1")
    assert [layla.next()["channel"] for _ in names] == names


# --- C ----------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", PROTECTED)
def test_whoever_the_app_signed_for_may_listen(realtime: Cluster, layla: Client, channel: str) -> None:
    """C1 C9."""
    data = LAYLA if channel.startswith("presence-") else None
    assert succeeded(layla.subscribe(channel, data))
    layla.before("pusher:cache_miss") if "cache" in channel else None
    realtime.app().trigger(channel, "shipped", "1") if "encrypted" not in channel else None


@pytest.mark.parametrize("channel", PROTECTED)
@pytest.mark.parametrize("how", ["wrong", "none", "empty", "another socket's", "another channel's", "another key's"])
def test_whoever_it_did_not_sign_for_may_not(layla: Client, omar: Client, channel: str, how: str) -> None:
    """C2 C3 C4 C5 C6 C9."""
    # Given signatures that are good for something else
    data = LAYLA if channel.startswith("presence-") else None
    right = layla.auth(channel, data)
    auth = {
        "wrong": right[:-1] + ("0" if right[-1] != "0" else "1"),
        "empty": "",
        "another socket's": omar.auth(channel, data),
        "another channel's": layla.auth(channel + "1", data),
        "another key's": right.replace(KEY, "other-key"),
    }.get(how)
    # When they are used
    layla.say("pusher:subscribe", {"channel": channel, "channel_data": data, **({"auth": auth} if auth else {})})
    # Then it is told on the channel, in the form that pusher-js hands to `.error()`
    answer = layla.next()
    assert answer["event"] == "pusher:subscription_error"
    assert (answer["channel"], answer["data"]["type"], answer["data"]["status"]) == (channel, "AuthError", 401)
    assert isinstance(answer["data"]["error"], str)


def test_a_refused_subscription_hears_nothing_and_the_connection_is_usable(realtime: Cluster, omar: Client) -> None:
    """C7 C8."""
    # Given Omar, who tried Layla's order
    assert refused(omar.subscribe("private-orders.7", auth=f"{KEY}:{'0' * 64}"))
    # When it ships
    realtime.app().trigger("private-orders.7", "shipped", "1")
    # Then Omar hears nothing, and may subscribe what is his
    assert omar.nothing_came()
    assert succeeded(omar.subscribe("private-orders.8"))


@pytest.mark.parametrize(
    ("socket_id", "channel", "signature"),
    [
        ("1234.1234", "private-foobar", "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"),
    ],
)
def test_signatures_are_those_of_the_documents(socket_id: str, channel: str, signature: str) -> None:
    assert sign_channel("7ad3773142a6692b25b8", socket_id, channel) == signature


def test_what_was_signed_beside_a_private_channel_counts(layla: Client) -> None:
    """The signature covers channel_data byte for byte, for every kind of channel."""
    data = json.dumps({"after": None, "session": "s-1"})
    assert refused(layla.subscribe("private-orders.7", data, auth=layla.auth("private-orders.7")))
    assert refused(layla.subscribe("private-orders.7", data + " ", auth=layla.auth("private-orders.7", data)))
    assert succeeded(layla.subscribe("private-orders.7", data))
    assert SECRET not in json.dumps(layla.next())
