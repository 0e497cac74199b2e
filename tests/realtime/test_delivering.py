"""The sending loop without sockets: who hears what once, and what is held back."""

import asyncio

import pytest

from services.realtime.hub import Hub
from services.realtime.limits import Limits
from services.realtime.liveness import look
from services.realtime.sessions import Sessions

pytestmark = pytest.mark.anyio


class Ear:
    """A connection that notes what it is sent."""

    def __init__(self, socket_id: str) -> None:
        self.socket_id = socket_id
        self.heard, self.pinged = 0.0, 0
        self.sent: list[bytes] = []
        self.ended: list[int] = []
        self.sessions: tuple[str, ...] = ()

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def ping(self) -> None:
        self.pinged += 1

    def shut(self, code: int, reason: str) -> None:
        assert reason
        self.ended.append(code)


@pytest.fixture
async def hub() -> Hub:
    return Hub(lambda _channel, _count: None)


async def a_turn() -> None:
    """Let the loop go on, until what was gathered is sent."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def room(hub: Hub, *ears: Ear) -> None:
    for ear in ears:
        hub.add(ear)
        hub.subscribe("room", ear)


async def test_what_is_said_in_one_turn_is_sent_together(hub: Hub) -> None:
    layla, omar = Ear("1"), Ear("2")
    room(hub, layla, omar)
    # When two things are said in one turn, and one in the next
    hub.deliver("room", b"a")
    hub.deliver("room", b"b")
    await a_turn()
    hub.deliver("room", b"c")
    await a_turn()
    # Then each subscriber is sent to twice
    assert layla.sent == omar.sent == [b"ab", b"c"]
    assert hub.deliveries == 6


async def test_the_sender_is_left_out_of_what_it_said_only(hub: Hub) -> None:
    layla, omar = Ear("1"), Ear("2")
    room(hub, layla, omar)
    hub.deliver("room", b"a")
    hub.deliver("room", b"b", without="1")
    hub.deliver("room", b"c", without="2")
    await a_turn()
    assert (layla.sent, omar.sent) == ([b"ac"], [b"ab"])


async def test_whoever_comes_later_in_the_turn_does_not_hear_what_was_said_before(hub: Hub) -> None:
    layla, omar = Ear("1"), Ear("2")
    room(hub, layla)
    hub.deliver("room", b"a")
    room(hub, omar)
    hub.deliver("room", b"b")
    await a_turn()
    assert (b"".join(layla.sent), omar.sent) == (b"ab", [b"b"])


async def test_what_is_held_is_told_after_the_replay_and_nothing_twice(hub: Hub) -> None:
    # Given Layla, who is told what she missed while new facts come
    layla = Ear("1")
    hub.subscribe("room", layla, hold=True)
    hub.deliver("room", b"3", fact=3)
    hub.deliver("room", b"4", fact=4)
    hub.deliver("room", b"s", signal=9)
    await a_turn()
    # When the replay reached 3, then the rest is new to her
    assert hub.release("room", layla, fact=3, signal=0) == [b"4", b"s"]
    assert layla.sent == []


async def test_a_replay_that_is_ahead_of_this_node_is_not_repeated_when_it_catches_up(hub: Hub) -> None:
    # Given Layla, who was told up to 5, and Omar, who was not
    layla, omar = Ear("1"), Ear("2")
    hub.subscribe("room", layla, hold=True)
    hub.subscribe("room", omar)
    assert hub.release("room", layla, fact=5, signal=0) == []
    hub.channels["room"].note_ahead(layla, 5, 0)
    # When this node reads 4 to 6, and something that is no fact
    for number in (4, 5, 6):
        hub.deliver("room", b"%d" % number, fact=number)
        hub.deliver("room", b"s", signal=number)
    await a_turn()
    assert (b"".join(layla.sent), b"".join(omar.sent)) == (b"ss6s", b"4s5s6s")
    assert not hub.channels["room"].ahead


async def test_a_member_hears_of_members_after_the_list_only(hub: Hub) -> None:
    layla = Ear("1")
    hub.subscribe("room", layla, hold=True)
    hub.deliver("room", b"7", signal=7)
    hub.deliver("room", b"8", signal=8)
    assert hub.release("room", layla, fact=0, signal=7) == [b"8"]
    hub.channels["room"].note_ahead(layla, 0, 9)
    hub.deliver("room", b"9", signal=9)
    hub.deliver("room", b"f", fact=1)
    hub.deliver("room", b"10", signal=10)
    await a_turn()
    assert layla.sent == [b"f10"]


async def test_an_empty_channel_is_forgotten(hub: Hub) -> None:
    layla = Ear("1")
    room(hub, layla)
    hub.deliver("room", b"a")
    hub.remove(layla, ["room"])
    await a_turn()
    assert (hub.channels, hub.sockets, layla.sent) == ({}, {}, [])


async def test_ends_reach_everybody_they_are_for(hub: Hub) -> None:
    layla, omar = Ear("1"), Ear("2")
    sessions, hub.users["omar"] = Sessions(), {omar}
    assert sessions.bind(layla, "s-1")
    sessions.end("s-1")
    hub.close_user("omar")
    sessions.end("nobody's")
    assert (layla.ended, omar.ended) == ([4009], [4009])


@pytest.mark.parametrize(
    ("silent", "pinged", "then", "ended"),
    [(59, 0, 0, []), (60, 0, 1, []), (70, 1, 1, []), (76, 1, 2, []), (80, 2, 2, []), (90, 2, 2, [4201])],
)
async def test_silent_clients_are_asked_twice_and_then_closed(
    silent: float, pinged: int, then: int, ended: list[int]
) -> None:
    layla = Ear("1")
    layla.pinged = pinged
    look([layla], Limits(), now=silent)
    assert (layla.pinged, layla.ended) == (then, ended)
