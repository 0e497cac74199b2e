"""The core of the protocol without a socket: literal frames in, what they lead to out."""

import json

import pytest

from services.realtime.connection import Connection
from services.realtime.effects import Cursor, Member, Say, Shut, SignIn, Subscribe, Unsubscribe, Whisper
from services.realtime.limits import Limits
from services.realtime.opening import allowed_origins, look_at
from services.realtime.tickets import Desk
from services.realtime.wire import pack, pack_close
from shared.broadcasting.signatures import sign_channel, sign_user

KEY, SECRET, SOCKET, NOW = "278d425bdf160c739803", "7ad3773142a6692b25b8", "1234.1234", 1_000.0


@pytest.fixture
def layla() -> Connection:
    return Connection(SOCKET, Desk(KEY, SECRET, Limits(subscriptions=2, client_events=2)))


def subscribing(channel: str, channel_data: str | None = None, **more: object) -> str:
    auth = f"{KEY}:{sign_channel(SECRET, SOCKET, channel, channel_data)}"
    data = {
        "channel": channel,
        "auth": auth,
        **({} if channel_data is None else {"channel_data": channel_data}),
        **more,
    }
    return json.dumps({"event": "pusher:subscribe", "data": data})


def refusal(effect: object) -> tuple[str, int]:
    assert isinstance(effect, Say)
    data = json.loads(effect.frame)["data"]
    return data["type"], data["status"]


def test_the_documents_signatures_are_accepted(layla: Connection) -> None:
    # Given the examples of Pusher's documents
    private = '{"event":"pusher:subscribe","data":{"channel":"private-foobar","auth":"%s:%s"}}'
    signature = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    member = '{"user_id":10,"user_info":{"name":"Mr. Pusher"}}'
    members = "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c"
    user = "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba"
    # Then each of them is good
    assert layla.receive(private % (KEY, signature), NOW) == Subscribe("private-foobar")
    presence = {"channel": "presence-foobar", "auth": f"{KEY}:{members}", "channel_data": member}
    subscribe = json.dumps({"event": "pusher:subscribe", "data": presence})
    assert layla.receive(subscribe, NOW) == Subscribe("presence-foobar", Member("10", member))
    signin = json.dumps({"event": "pusher:signin", "data": {"auth": f"{KEY}:{user}", "user_data": '{"id":"12345"}'}})
    assert layla.receive(signin, NOW) == SignIn("12345", '{"id":"12345"}', ())


@pytest.mark.parametrize(
    ("data", "cursor"),
    [
        ('{"after":7}', Cursor(7)),
        ('{"after":null}', Cursor(None)),
        ('{"after":-1}', Cursor(None)),
        ('{"after":true}', Cursor(None)),
        ('{"after":"7"}', Cursor(None)),
        ("{}", None),
        ("[7]", None),
        ("no json", None),
        ("[" * 20_000, None),
    ],
)
def test_the_signed_cursor_is_read(layla: Connection, data: str, cursor: Cursor | None) -> None:
    assert layla.receive(subscribing("private-orders.7", data), NOW) == Subscribe("private-orders.7", cursor=cursor)


def test_a_ticket_is_good_until_its_time_and_names_its_session(layla: Connection) -> None:
    # Given a ticket of this second, and one of the last
    good, old = (json.dumps({"after": None, "session": "s-1", "until": until}) for until in (NOW, NOW - 1))
    # Then one is good
    assert layla.receive(subscribing("private-a", good), NOW) == Subscribe("private-a", None, Cursor(None), "s-1")
    assert refusal(layla.receive(subscribing("private-a", old), NOW)) == ("AuthError", 401)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{}", ("AuthError", 401)),
        ('{"user_id":null}', ("AuthError", 401)),
        ('{"user_id":""}', ("AuthError", 401)),
        ('{"user_id":true}', ("AuthError", 401)),
        ('{"user_id":1.5}', ("AuthError", 401)),
        (json.dumps({"user_id": "x" * 129}), ("LimitReached", 4301)),
        (json.dumps({"user_id": "layla", "user_info": "x" * 1_023}), ("LimitReached", 4301)),
    ],
)
def test_a_member_without_a_usable_id_is_refused(layla: Connection, data: str, said: tuple[str, int]) -> None:
    assert refusal(layla.receive(subscribing("presence-room", data), NOW)) == said


def test_channels_are_counted_as_they_are_subscribed(layla: Connection) -> None:
    # Given a connection that may have two channels, and has them
    layla.channels.update({"desks": None, "chairs": None})
    # Then a third is refused, and one of the two is not
    assert refusal(layla.receive(subscribing("lamps"), NOW)) == ("LimitReached", 4100)
    assert layla.receive(subscribing("desks"), NOW) == Subscribe("desks")
    # And one that is left is left once
    assert layla.receive('{"event":"pusher:unsubscribe","data":{"channel":"desks"}}', NOW) == Unsubscribe("desks")
    assert layla.receive('{"event":"pusher:unsubscribe","data":{"channel":"lamps"}}', NOW) is None


def test_client_events_are_counted_by_the_second(layla: Connection) -> None:
    # Given a member who may say two things a second
    layla.channels["presence-room"] = "layla"
    typing = '{"event":"client-typing","channel":"presence-room","data":{"من": 1.0},"user_id":"nour"}'
    # When she says three things in one second and one in the next
    effects = [layla.receive(typing, now) for now in (NOW, NOW + 0.9, NOW + 0.99, NOW + 1.0)]
    # Then the third is refused
    said = Whisper("client-typing", "presence-room", '{"من":1.0}', "layla")
    assert [effects[0], effects[1], effects[3]] == [said, said, said]
    assert isinstance(effects[2], Say)
    assert json.loads(effects[2].frame)["data"]["code"] == 4301
    # And a clock that is set back silences nobody
    assert layla.receive(typing, NOW - 3_600) == said


def test_infinity_is_no_json(layla: Connection) -> None:
    layla.channels["private-room"] = None
    effect = layla.receive('{"event":"client-x","channel":"private-room","data":1e999}', NOW)
    assert isinstance(effect, Say)
    assert json.loads(effect.frame)["data"]["code"] == 4200


def test_a_users_channel_is_for_that_user(layla: Connection) -> None:
    subscribe = '{"event":"pusher:subscribe","data":{"channel":"#server-to-user-%s"}}'
    assert refusal(layla.receive(subscribe % "layla", NOW)) == ("AuthError", 401)
    layla.user_id = "layla"
    assert layla.receive(subscribe % "layla", NOW) == Subscribe("#server-to-user-layla")
    assert refusal(layla.receive(subscribe % "nour", NOW)) == ("AuthError", 401)
    assert refusal(layla.receive(subscribe % "", NOW)) == ("AuthError", 401)


def test_another_user_cannot_sign_in_on_the_same_connection(layla: Connection) -> None:
    layla.user_id = "layla"
    nour = '{"id":"nour"}'
    data = {"auth": f"{KEY}:{sign_user(SECRET, SOCKET, nour)}", "user_data": nour}
    effect = layla.receive(json.dumps({"event": "pusher:signin", "data": data}), NOW)
    assert isinstance(effect, Shut)
    assert effect.code == 4009


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ("", "https://evil.example", True),
        ("https://shop.example", None, True),
        ("https://shop.example , http://localhost:8000/", "http://localhost:8000", True),
        ("https://shop.example", "https://shop.example.evil.example", False),
    ],
)
def test_origins(origins: str, origin: str | None, allowed: bool) -> None:
    refused = look_at(f"/app/{KEY}?protocol=7", origin, KEY, allowed_origins(origins))
    assert (refused is None) is allowed


@pytest.mark.parametrize("target", ["/app/", "//[", "/app", "", "/app/%zz?protocol=7", "http://[::1/app/x"])
def test_an_odd_target_is_refused_and_no_more(target: str) -> None:
    assert look_at(target, None, KEY, frozenset()) is not None


@pytest.mark.parametrize(("size", "head"), [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_a_frames_head_says_how_long_it_is(size: int, head: int) -> None:
    frame = pack("x" * size)
    length = frame[1] if frame[1] < 126 else int.from_bytes(frame[2:head])
    assert (frame[0], len(frame), length) == (0x81, head + size, size)


def test_a_close_frame_is_never_longer_than_a_control_frame_may_be() -> None:
    frame = pack_close(4200, "ل" * 200)
    assert (frame[0], frame[1], frame[2:4]) == (0x88, 125, (4200).to_bytes(2))
