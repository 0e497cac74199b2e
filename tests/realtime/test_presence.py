"""Presence channels as their members see them; cases D of the conformance list."""

import json
import socket
import struct
from itertools import count
from typing import Any

import pytest

from shared.broadcasting import keys
from tests.realtime_alone import alone
from tests.realtime_client import Client, Frame, refused, succeeded
from tests.realtime_cluster import Cluster

_numbers = count(1)
LAYLA = '{"user_id":"layla","user_info":{"name":"ليلى ☕"}}'
OMAR = '{"user_id":"omar","user_info":{"name":"عمر"}}'


@pytest.fixture
def room() -> str:
    """A channel of its own."""
    return f"presence-room-{next(_numbers)}"


def members(answer: Frame) -> Any:
    assert succeeded(answer)
    return json.loads(answer["data"])["presence"]


def told(frame: Frame) -> tuple[str, Any]:
    return frame["event"].removeprefix("pusher_internal:"), json.loads(frame["data"])


def test_who_joins_hears_who_is_there_and_that_it_is_one_of_them(layla: Client, omar: Client, room: str) -> None:
    """D1."""
    assert members(layla.subscribe(room, LAYLA)) == {
        "count": 1,
        "ids": ["layla"],
        "hash": {"layla": {"name": "ليلى ☕"}},
    }
    presence = members(omar.subscribe(room, OMAR))
    assert presence["count"] == 2
    assert sorted(presence["ids"]) == ["layla", "omar"]
    assert presence["hash"] == {"layla": {"name": "ليلى ☕"}, "omar": {"name": "عمر"}}


def test_those_who_are_there_hear_who_comes_and_that_one_does_not(layla: Client, omar: Client, room: str) -> None:
    """D2."""
    layla.subscribe(room, LAYLA)
    assert succeeded(omar.subscribe(room, OMAR))
    frame = layla.until("pusher_internal:member_added")
    assert frame["channel"] == room
    assert told(frame) == ("member_added", {"user_id": "omar", "user_info": {"name": "عمر"}})
    assert layla.nothing_came()
    assert omar.nothing_came()


def test_a_second_tab_is_no_second_member(realtime: Cluster, layla: Client, omar: Client, room: str) -> None:
    """D3: and what the second tab says of the user is not what others know."""
    layla.subscribe(room, LAYLA)
    omar.subscribe(room, OMAR)
    layla.until("pusher_internal:member_added")
    with realtime.client() as tab:
        presence = members(tab.subscribe(room, '{"user_id":"omar","user_info":{"name":"another"}}'))
        assert (presence["count"], presence["hash"]["omar"]) == (2, {"name": "عمر"})
        assert layla.nothing_came()
        assert omar.nothing_came()


def test_a_member_is_gone_with_the_last_tab(realtime: Cluster, layla: Client, omar: Client, room: str) -> None:
    """D4."""
    layla.subscribe(room, LAYLA)
    omar.subscribe(room, OMAR)
    layla.until("pusher_internal:member_added")
    with realtime.client() as tab:
        tab.subscribe(room, OMAR)
        omar.ws.close()
        tab.say("pusher:ping")
        assert layla.nothing_came()
    assert told(layla.next()) == ("member_removed", {"user_id": "omar"})


def test_unsubscribing_is_leaving(layla: Client, omar: Client, room: str) -> None:
    """D5: once, and who left hears nothing more."""
    layla.subscribe(room, LAYLA)
    omar.subscribe(room, OMAR)
    layla.until("pusher_internal:member_added")
    omar.unsubscribe(room)
    assert told(layla.next()) == ("member_removed", {"user_id": "omar"})
    omar.unsubscribe(room)
    assert omar.nothing_came()
    assert layla.nothing_came()
    # And who comes back, comes back
    assert members(omar.subscribe(room, OMAR))["count"] == 2
    assert told(layla.next())[0] == "member_added"


def test_a_line_that_is_cut_is_leaving(layla: Client, omar: Client, room: str) -> None:
    """D6: a reset, without a goodbye."""
    layla.subscribe(room, LAYLA)
    omar.subscribe(room, OMAR)
    layla.until("pusher_internal:member_added")
    omar.ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    omar.ws.socket.close()
    assert told(layla.next()) == ("member_removed", {"user_id": "omar"})


def test_a_number_may_be_a_users_id_and_stays_one(layla: Client, omar: Client, room: str) -> None:
    """D7: also one that no JavaScript number, and no number of Lua's, can hold."""
    layla.subscribe(room, '{"user_id":12345678901234567891}')
    presence = members(omar.subscribe(room, '{"user_id":7,"user_info":{"name":"عمر"}}'))
    assert sorted(presence["ids"]) == [7, 12345678901234567891]
    assert presence["hash"]["7"] == {"name": "عمر"}
    assert told(layla.next()) == ("member_added", {"user_id": 7, "user_info": {"name": "عمر"}})
    layla.ws.close()
    assert told(omar.next()) == ("member_removed", {"user_id": 12345678901234567891})


def test_what_is_said_of_a_member_was_signed_so(layla: Client, room: str) -> None:
    """D8: a client that calls itself somebody else is refused."""
    auth = layla.auth(room, LAYLA)
    assert refused(layla.subscribe(room, OMAR, auth=auth))
    assert refused(layla.subscribe(room, LAYLA + " ", auth=auth))
    assert succeeded(layla.subscribe(room, LAYLA, auth=auth))


@pytest.mark.parametrize("data", [None, "", "{", "[]", "{}", '{"user_info":{}}', '{"user_id":null}', '{"user_id":""}'])
def test_nobody_joins_without_saying_who_they_are(layla: Client, room: str, data: str | None) -> None:
    """D9: though it is signed."""
    answer = layla.subscribe(room, data, auth=layla.auth(room, data))
    assert answer["event"] == "pusher:subscription_error"
    assert layla.alive()


def test_a_member_may_be_an_id_and_nothing_more(layla: Client, omar: Client, room: str) -> None:
    """D10."""
    layla.subscribe(room, '{"user_id":"layla"}')
    presence = members(omar.subscribe(room, '{"user_id":"omar"}'))
    assert set(presence["hash"]) == {"layla", "omar"}
    assert told(layla.next()) == ("member_added", {"user_id": "omar"})


@pytest.mark.anyio
async def test_a_channel_has_a_hundred_members_and_no_more(realtime: Cluster, layla: Client, room: str) -> None:
    """D11: but for a member's second tab, and whoever takes a free place."""
    # Given a hundred members, who are on another node
    async with alone(realtime.redis.url, "giza-1") as giza:
        for number in range(100):
            await giza.presence.join(room, f"1.{number}", f"guest-{number}", f'{{"user_id":"guest-{number}"}}')
        # When one more comes, then it is refused
        answer = layla.subscribe(room, LAYLA)
        assert refused(answer, 4100)
        assert answer["data"]["type"] == "LimitReached"
        # But a second tab of a member is not
        with realtime.client() as tab:
            assert members(tab.subscribe(room, '{"user_id":"guest-7"}'))["count"] == 100
        # And when one has left, there is a place
        assert await giza.presence.leave(room, "1.0") == "guest-0"
        assert members(layla.subscribe(room, LAYLA))["count"] == 100
        layla.ws.close()  # or she would hear a hundred leave, with nobody to read it


def test_who_subscribes_twice_leaves_at_once(layla: Client, omar: Client, room: str) -> None:
    """D12."""
    layla.subscribe(room, LAYLA)
    omar.subscribe(room, OMAR)
    omar.ask(room, OMAR)
    assert told(layla.next())[0] == "member_added"
    omar.unsubscribe(room)
    assert told(layla.next()) == ("member_removed", {"user_id": "omar"})
    assert layla.nothing_came()


def test_nothing_but_the_member_is_told_of_what_was_signed(layla: Client, omar: Client, room: str) -> None:
    """Our own auth signs the session into it, which is nobody's business."""
    layla.subscribe(room, LAYLA)
    signed = {"user_id": "omar", "user_info": {"name": "عمر"}, "session": "0199-secret", "after": None}
    answer = omar.subscribe(room, json.dumps(signed))
    assert "0199-secret" not in json.dumps(members(answer))
    assert told(layla.next()) == ("member_added", {"user_id": "omar", "user_info": {"name": "عمر"}})


@pytest.mark.anyio
async def test_who_was_refused_after_joining_is_no_member(realtime: Cluster, layla: Client, room: str) -> None:
    """A presence-cache channel asks Redis twice: here the second question goes wrong."""
    # Given a cache that cannot be read
    channel = room.replace("presence-", "presence-cache-")
    async with alone(realtime.redis.url, "giza-1") as giza:
        await giza.redis.lpush(keys.cache(channel), "no text")
        # When Layla subscribes, then she is refused
        assert refused(layla.subscribe(channel, LAYLA), 503)
        # And nobody sees her there
        assert await giza.redis.hkeys(keys.presence_count(channel)) == []


def test_a_name_with_half_a_surrogate_pair_harms_nobody(layla: Client, omar: Client, room: str) -> None:
    """As JavaScript's JSON writes it: the signed text itself is fine."""
    layla.subscribe(room, LAYLA)
    assert set(members(omar.subscribe(room, '{"user_id":"om\\ud83e","user_info":{"name":"\\ud83e"}}'))["hash"]) == {
        "layla",
        "om\ud83e",
    }
    assert told(layla.next()) == ("member_added", {"user_id": "om\ud83e", "user_info": {"name": "\ud83e"}})
    omar.ws.close()
    assert told(layla.next()) == ("member_removed", {"user_id": "om\ud83e"})
