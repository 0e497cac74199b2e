"""Whatever a client says, the service neither falls over nor falls silent: fuzzed frames, core and socket."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from services.realtime import frames
from services.realtime.connection import Connection
from services.realtime.effects import Say, Shut, SignIn, Subscribe, Unsubscribe, Whisper
from services.realtime.limits import Limits
from services.realtime.tickets import Desk
from services.realtime.wire import pack
from shared.broadcasting.signatures import sign_channel, sign_user
from tests.realtime_client import KEY, SECRET
from tests.realtime_cluster import Cluster
from tests.waiting import wait_until

SOCKET = "1.1"
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["1" * 5_000, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.sampled_from(["pusher:ping", "pusher:pong", "pusher:subscribe", "pusher:unsubscribe", "pusher:signin"])
NAMES = EVENTS | st.text(max_size=12).map(lambda rest: "client-" + rest) | st.text(max_size=30)
CHANNELS = st.sampled_from(["products", "private-a", "presence-a", "private-cache-a", "#server-to-user-a", "cache-a"])


def signed(channel: str, data: object) -> dict[str, object]:
    """Return a subscription as the app might have signed it, with any channel_data at all."""
    text = json.dumps(data)
    return {"channel": channel, "auth": f"{KEY}:{sign_channel(SECRET, SOCKET, channel, text)}", "channel_data": text}


def signed_user(data: object) -> dict[str, object]:
    text = json.dumps(data)
    return {"auth": f"{KEY}:{sign_user(SECRET, SOCKET, text)}", "user_data": text}


KNOWN = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("channel", "auth", "channel_data", "user_data"), ODD | CHANNELS)
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("user_id", "user_info", "after", "until", "session", "id", "watchlist"), ODD),
)
DATA = ODD | KNOWN | st.builds(signed, CHANNELS, ODD | MEMBERS) | MEMBERS.map(signed_user)
FRAMES = st.fixed_dictionaries({}, optional={"event": NAMES | ODD, "data": DATA, "channel": CHANNELS | ODD, "x": ODD})
MESSAGES = FRAMES.map(json.dumps) | ODD.map(json.dumps) | st.text(max_size=60)


@given(st.lists(MESSAGES, max_size=12))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_core_answers_whatever_is_said(messages: list[str]) -> None:
    # Given a connection that is in some channels
    layla = Connection(SOCKET, Desk(KEY, SECRET, Limits(subscriptions=4)))
    layla.channels.update({"private-a": None, "presence-a": "layla"})
    for number, message in enumerate(messages):
        # When anything is said, then what it leads to can be done
        effect = layla.receive(message, float(number))
        match effect:
            case None:
                assert says_nothing_or_leaves(message)
            case Say(frame):
                assert json.loads(frame)["event"]
                assert json.loads(pack(frame)[2 if len(frame.encode(errors="replace")) < 126 else 4 :].decode())
            case Whisper():
                assert json.loads(frames.event(effect.event, effect.channel, effect.data, effect.user_id))["event"]
                assert effect.channel in layla.channels
            case Subscribe() | Unsubscribe() | SignIn() | Shut():
                assert not says_nothing_or_leaves(message) or isinstance(effect, Unsubscribe)


def says_nothing_or_leaves(message: str) -> bool:
    """Say whether no answer is due: to a pong, and to leaving a channel that one is not in."""
    return bool(json.loads(message)["event"] in {"pusher:pong", "pusher:unsubscribe"})


@given(st.lists(MESSAGES | st.binary(max_size=40), max_size=6))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_a_live_socket_answers_or_closes_whatever_is_said(realtime: Cluster, messages: list[str | bytes]) -> None:
    code = None
    # Given a client
    with realtime.client() as mallory:
        try:
            # When it says anything
            for message in messages:
                mallory.raw(message.encode(errors="replace").decode() if isinstance(message, str) else message)
            # Then it is served on, or closed
            assert mallory.alive()
        except ConnectionClosed as end:
            code = end.rcvd.code if end.rcvd else 1006
    assert code in {None, 1003, 1009, 4009}


def test_no_connection_is_left_of_all_that(realtime: Cluster) -> None:
    """Run after the fuzzing above; alone it says the same of nothing."""
    wait_until(lambda: realtime.nodes[0].figure("connections") == 0)
    assert realtime.nodes[0].figure("subscriptions") == 0
    assert not realtime.nodes[0].errors()


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"\x00" * 20_000, b"GET /app/x HTTP/1.1\r\n" * 2_000])
def test_garbage_on_the_port_ends_and_the_others_go_on(realtime: Cluster, garbage: bytes) -> None:
    """L3."""
    with realtime.client() as layla, socket.create_connection(("127.0.0.1", realtime.port), 5) as mallory:
        mallory.sendall(garbage + b"\r\n\r\n")
        mallory.settimeout(5)
        try:
            while mallory.recv(65_536):
                pass
        except ConnectionResetError:
            pass
        assert layla.alive()
