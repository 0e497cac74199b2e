"""How a connection begins, stays and ends: cases A of the conformance list, frame by frame over a real socket."""

import json
import re

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.realtime_client import KEY, Client
from tests.realtime_cluster import Cluster


def test_the_first_frame_names_the_socket_and_says_when_to_ping(realtime: Cluster) -> None:
    """A1 A2: data is a text, and no two sockets have one id."""
    # When two clients connect
    with realtime.client(greeted=False) as layla, realtime.client(greeted=False) as omar:
        hellos = [layla.next(), omar.next()]
    # Then each is told its own id, in the form that the Python library checks
    told = [json.loads(hello["data"]) for hello in hellos]
    assert {hello["event"] for hello in hellos} == {"pusher:connection_established"}
    assert all(re.fullmatch(r"\d+\.\d+", one["socket_id"]) for one in told)
    assert told[0]["socket_id"] != told[1]["socket_id"]
    assert [one["activity_timeout"] for one in told] == [30, 30]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/app/somebody-elses-key?protocol=7", 4001),  # A3 A4
        (f"/app/{KEY}", 4008),  # A5
        (f"/app/{KEY}?protocol=", 4008),
        (f"/app/{KEY}?protocol=99", 4007),  # A6
        (f"/app/{KEY}?protocol=4", 4007),
        (f"/app/{KEY}?protocol=seven", 4006),
        (f"/app/{KEY}?protocol=٧", 4006),
        ("/nowhere?protocol=7", 4005),
        (f"/app/{KEY}/more?protocol=7", 4001),
    ],
)
def test_who_may_not_connect_is_told_why_by_a_frame_and_by_the_close_code(
    realtime: Cluster, path: str, code: int
) -> None:
    # When a client connects so
    with realtime.client(path=path, greeted=False) as omar:
        closed, _reason = omar.closed()
    # Then it hears the code twice, and nothing else
    (error,) = omar.last_words
    assert (error["event"], error["data"]["code"], closed) == ("pusher:error", code, code)


@pytest.mark.parametrize("protocol", [5, 6, 7])
def test_older_protocols_are_served(realtime: Cluster, protocol: int) -> None:
    """A7: pysher speaks 6. What a client says beside it is not asked."""
    with realtime.client(path=f"/app/{KEY}?protocol={protocol}&client=js&version=8.6.0&flash=false") as layla:
        assert layla.alive()


@pytest.mark.parametrize("origin", ["https://shop.example", "https://SHOP.example/", None])
def test_a_page_of_an_allowed_origin_may_connect(realtime: Cluster, origin: str | None) -> None:
    with realtime.client(origin=origin) as layla:
        assert layla.alive()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null"])
def test_a_page_of_another_origin_may_not(realtime: Cluster, origin: str) -> None:
    with realtime.client(origin=origin, greeted=False) as mallory:
        assert mallory.closed()[0] == 4009


@pytest.mark.parametrize("data", ['"data":{}', '"data":""', '"data":null', '"x":1'])
def test_a_ping_is_answered_whatever_its_data(realtime: Cluster, data: str) -> None:
    """A8 A9."""
    with realtime.client() as layla:
        layla.raw(f'{{"event":"pusher:ping",{data}}}')
        assert layla.text() == '{"event":"pusher:pong","data":"{}"}'


def test_a_ping_of_the_transport_is_answered(realtime: Cluster) -> None:
    """A10."""
    with realtime.client() as layla:
        assert layla.ws.ping("ليلى").wait(5)


MALFORMED = [
    "not json",
    "",
    "[]",
    "42",
    "null",
    '"pusher:ping"',
    "{}",
    '{"event":7}',
    '{"event":null,"data":{}}',
    '{"event":"pusher:subscribe"}',
    '{"event":"pusher:subscribe","data":"products"}',
    '{"event":"pusher:subscribe","data":{}}',
    '{"event":"pusher:subscribe","data":{"channel":7}}',
    '{"event":"pusher:unsubscribe"}',
    '{"event":"pusher:unsubscribe","data":{"channel":["products"]}}',
    '{"event":"pusher:nonsense","data":{}}',
    '{"event":"client-x"}',
    '{"event":"client-x","channel":{},"data":{}}',
    '{"event":"client-x","channel":"private-x","data":NaN}',
    '{"event":"pusher:ping","data":' + "[" * 30_000,
    '{"event":"pusher:ping","data":' + "9" * 5_000 + "}",
]


@pytest.mark.parametrize("message", MALFORMED)
def test_a_malformed_message_is_answered_and_nobody_falls_over_it(realtime: Cluster, message: str) -> None:
    """A11 A12."""
    # Given a client
    with realtime.client() as mallory:
        # When it says something malformed
        mallory.raw(message)
        # Then it is told so
        assert mallory.next()["event"] == "pusher:error"
        # And is served as before
        assert mallory.alive()


@pytest.mark.parametrize("data", ["null", "7", "[]", '{"auth":7}', '{"auth":"x","user_data":{}}'])
def test_a_malformed_sign_in_ends_the_connection_as_a_wrong_one_does(realtime: Cluster, data: str) -> None:
    with realtime.client() as mallory:
        mallory.raw(f'{{"event":"pusher:signin","data":{data}}}')
        assert mallory.closed()[0] == 4009


def test_binary_is_refused_by_the_transports_code(realtime: Cluster) -> None:
    """A13."""
    with realtime.client() as mallory:
        mallory.raw(b"\x00\x01")
        assert mallory.closed()[0] == 1003


def test_fragments_are_joined_even_with_a_ping_between_them(realtime: Cluster) -> None:
    """A14."""
    with realtime.client() as layla:
        # When a message comes in three fragments, cut within a letter
        message = '{"event":"pusher:subscribe","data":{"channel":"products","من":"ليلى"}}'.encode()
        cut = message.index("ليلى".encode()) + 1
        layla.send_frames(
            Frame(Opcode.TEXT, message[:20], fin=False),
            Frame(Opcode.PING, b"between"),
            Frame(Opcode.CONT, message[20:cut], fin=False),
            Frame(Opcode.CONT, message[cut:]),
        )
        # Then it is one message
        assert layla.next()["event"] == "pusher_internal:subscription_succeeded"


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([Frame(Opcode.CONT, b"{}")], 1002),
        ([Frame(Opcode.TEXT, b"{", fin=False), Frame(Opcode.TEXT, b"{}")], 1002),
        ([b"\xc1\x82\0\0\0\0{}"], 1002),
        ([Frame(Opcode.TEXT, b'{"event":"\xff"}')], 1007),
        ([Frame(Opcode.TEXT, b" " * 60_000, fin=False), Frame(Opcode.CONT, b" " * 60_000)], 1009),
        ([Frame(Opcode.TEXT, b"", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 1_001], 1009),
    ],
    ids=["no beginning", "two beginnings", "an extension", "no UTF-8", "too long", "no end"],
)
def test_what_breaks_the_transports_rules_ends_with_the_transports_code(
    realtime: Cluster, frames: list[Frame | bytes], code: int
) -> None:
    with realtime.client() as mallory:
        mallory.send_frames(*frames)
        assert mallory.closed()[0] == code


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4123])
def test_a_close_is_answered_with_the_same_code(realtime: Cluster, code: int) -> None:
    """A15."""
    layla = realtime.client()
    layla.ws.close(code, "أشوفك بعدين")
    with pytest.raises(ConnectionClosed) as end:
        layla.ws.recv(timeout=5)
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == code


@pytest.mark.parametrize("size", [65_537, 1_000_000])
def test_a_message_that_is_too_long_is_refused(realtime: Cluster, size: int) -> None:
    """A16."""
    with realtime.client() as mallory:
        mallory.raw("x" * size)
        assert mallory.closed()[0] == 1009


def test_a_message_as_long_as_may_be_is_read(realtime: Cluster) -> None:
    with realtime.client() as layla:
        layla.raw('{"event":"pusher:ping","data":"' + "x" * (65_536 - 33) + '"}')
        assert layla.next()["event"] == "pusher:pong"


def test_firefoxs_way_to_ask_for_a_websocket_is_understood(realtime: Cluster) -> None:
    """It says `Connection: keep-alive, Upgrade`; picows alone answers 400."""
    with Client(realtime.port, additional_headers={"Connection": "keep-alive"}) as layla:
        assert layla.alive()
