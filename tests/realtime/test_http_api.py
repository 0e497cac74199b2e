"""Publishing by Pusher's HTTP API: what is published, and what is refused, with which status."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.realtime.redis_wire import Commands
from shared.broadcasting import keys
from shared.broadcasting.signatures import sign_request
from shared.engines.redis import RedisServer
from tests.realtime_alone import APP, Alone, Caller, alone, caller, md5, own_redis, signed

pytestmark = pytest.mark.anyio

EVENTS = f"/apps/{APP}/events"
BATCH = f"/apps/{APP}/batch_events"


@pytest.fixture(scope="module")
def redis(engines_folder: Path) -> Iterator[RedisServer]:
    with own_redis(engines_folder) as server:
        yield server


@pytest.fixture
async def node(redis_url: str) -> AsyncIterator[Alone]:
    async with alone(redis_url) as node:
        yield node


@pytest.fixture
async def shop(node: Alone) -> AsyncIterator[Caller]:
    async with caller(node) as shop:
        yield shop


def refused(answer: httpx.Response, status: int) -> bool:
    """Say whether a call was refused so, in JSON that says why."""
    return answer.status_code == status and len(answer.json()["error"]) > 5


def placed(**more: Any) -> dict[str, Any]:
    return {"name": "App\\Events\\OrderPlaced", "channels": ["private-orders.7"], "data": '{"total":1}', **more}


# --- published --------------------------------------------------------------------------


async def test_a_signed_event_is_told_to_every_node_byte_for_byte(node: Alone, shop: Caller) -> None:
    """I1; B3 B4: the data is a text, and stays it, whatever it says."""
    # Given data in Arabic, with an emoji, that is not even JSON
    data = '{"من":"ليلى", ☕ "raw"  '
    # When it is published without one socket
    answer = await shop.publish(**placed(data=data, socket_id="12.34"))
    # Then the nodes are told so
    assert (answer.status_code, answer.json()) == (200, {})
    assert await node.signals() == [
        {
            "kind": "event",
            "event": "App\\Events\\OrderPlaced",
            "channels": '["private-orders.7"]',
            "data": data,
            "except": "12.34",
            "user_id": "",
        }
    ]


async def test_one_channel_may_be_named_by_channel(node: Alone, shop: Caller) -> None:
    await shop.post(EVENTS, {"name": "moved", "channel": "walnut-desk", "data": "{}"})
    assert [signal["channels"] for signal in await node.signals()] == ['["walnut-desk"]']


async def test_a_channel_named_twice_hears_it_once(node: Alone, shop: Caller) -> None:
    """I30"""
    await shop.publish(**placed(channels=["orders", "queues", "orders"]))
    assert [signal["channels"] for signal in await node.signals()] == ['["orders","queues"]']


async def test_a_hundred_channels_may_be_named_and_not_one_more(node: Alone, shop: Caller) -> None:
    """I9 I10; B13"""
    channels = [f"private-orders.{number}" for number in range(101)]
    assert (await shop.publish(**placed(channels=channels[:100]))).status_code == 200
    assert refused(await shop.publish(**placed(channels=channels)), 400)
    assert [len(json.loads(signal["channels"])) for signal in await node.signals()] == [100]


async def test_data_of_10_kb_passes_and_a_byte_more_is_too_much(node: Alone, shop: Caller) -> None:
    """I11"""
    # Given letters of two bytes each, so that characters and bytes differ
    longest = "ل" * 5_120
    assert (await shop.publish(**placed(data=longest))).status_code == 200
    assert refused(await shop.publish(**placed(data=longest + "a")), 413)
    assert [signal["data"] for signal in await node.signals()] == [longest]


async def test_a_body_of_megabytes_is_not_read_to_its_end(shop: Caller) -> None:
    assert refused(await shop.publish(**placed(data="x" * 2_000_000)), 413)


async def test_what_is_published_to_a_cache_channel_is_kept_for_who_comes_later(node: Alone, shop: Caller) -> None:
    """F2-F5 F8: all four kinds, and nobody has to listen."""
    cached = ["cache-a", "private-cache-a", "presence-cache-a", "private-encrypted-cache-a"]
    await shop.publish(**placed(channels=[*cached, "private-a", "presence-a"], data='{"السعر":5}'))
    for channel in cached:
        kept = await node.redis.get(keys.cache(channel))
        assert kept is not None
        assert json.loads(kept) == {"event": "App\\Events\\OrderPlaced", "data": '{"السعر":5}'}
        assert 1_700 < await node.redis.ttl(keys.cache(channel)) <= 1_800
    assert len(await node.redis.keys(keys.cache("*"))) == 4


async def test_an_event_for_a_user_goes_to_what_they_signed_in_on(node: Alone, shop: Caller) -> None:
    """H3, as the server libraries' send_to_user sends it."""
    await shop.publish(**placed(channels=["#server-to-user-ليلى"]))
    assert await node.signals() == [
        {"kind": "user", "user_id": "ليلى", "event": "App\\Events\\OrderPlaced", "data": '{"total":1}'}
    ]


async def test_a_batch_is_published_in_its_order(node: Alone, shop: Caller) -> None:
    """I14"""
    batch = [{"name": "step", "channel": "walnut-desk", "data": str(number)} for number in range(10)]
    answer = await shop.post(BATCH, {"batch": batch})
    assert (answer.status_code, answer.json()) == (200, {})
    assert [signal["data"] for signal in await node.signals()] == [str(number) for number in range(10)]


# --- refused ----------------------------------------------------------------------------


async def test_a_wrong_signature_is_refused(node: Alone, shop: Caller) -> None:
    """I2"""
    assert refused(await shop.post(EVENTS, placed(), auth_signature="0" * 64), 401)
    assert refused(await shop.post(EVENTS, placed(), auth_signature="ليلى"), 401)
    assert refused(await shop.client.post(EVENTS, json=placed()), 401)
    assert await node.signals() == []


async def test_a_signature_made_for_another_path_or_method_is_refused(shop: Caller) -> None:
    """I2: a call that was overheard opens nothing else."""
    answer = await shop.publish(**placed())
    query = answer.request.url.query.decode()
    assert refused(await shop.client.post(f"{BATCH}?{query}", content=answer.request.content), 401)
    assert refused(await shop.client.get(f"/apps/{APP}/channels?{query}"), 401)


async def test_a_body_that_is_not_the_signed_one_is_refused(node: Alone, shop: Caller) -> None:
    """I3"""
    # Given a call that was signed for one body
    answer = await shop.publish(**placed())
    url = str(answer.request.url)
    # When it is sent with another, then it is refused; also if a hash is missing altogether
    assert refused(await shop.client.post(url, content=b'{"name":"forged"}'), 401)
    assert refused(await shop.post(EVENTS, placed(), body_md5=md5(b"another")), 401)
    assert len(await node.signals()) == 1


async def test_a_body_without_its_hash_is_refused(shop: Caller) -> None:
    """I3"""
    query = {"auth_key": "taboor-key", "auth_timestamp": str(int(time.time())), "auth_version": "1.0"}
    query["auth_signature"] = sign_request("taboor-secret", "POST", EVENTS, query)
    assert refused(await shop.client.post(EVENTS, params=query, json=placed()), 401)


async def test_another_apps_key_is_refused(shop: Caller) -> None:
    """I4"""
    assert refused(await shop.post(EVENTS, placed(), auth_key="omars-key"), 401)


@pytest.mark.parametrize(("off", "status"), [(-590, 200), (590, 200), (-610, 401), (610, 401)])
async def test_a_clock_may_be_ten_minutes_off(shop: Caller, off: int, status: int) -> None:
    """I5"""
    answer = await shop.post(EVENTS, placed(), auth_timestamp=str(int(time.time()) + off))
    assert answer.status_code == status


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "٣", "9" * 40])
async def test_a_time_that_is_none_is_refused(shop: Caller, stamp: str) -> None:
    """I5"""
    assert refused(await shop.post(EVENTS, placed(), auth_timestamp=stamp), 401)


async def test_another_version_of_signing_is_refused(shop: Caller) -> None:
    assert refused(await shop.post(EVENTS, placed(), auth_version="2.0"), 401)


async def test_another_apps_path_is_not_found(shop: Caller) -> None:
    """I6"""
    assert refused(await shop.post("/apps/2/events", placed()), 404)


@pytest.mark.parametrize("missing", ["name", "data", "channels"])
async def test_a_field_that_is_missing_is_told(node: Alone, shop: Caller, missing: str) -> None:
    """I7"""
    event = placed()
    del event[missing]
    answer = await shop.publish(**event)
    assert refused(answer, 400)
    assert missing in answer.json()["error"]
    assert await node.signals() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000], ids=repr)
async def test_a_body_that_is_no_json_object_is_refused(shop: Caller, body: bytes) -> None:
    """I8"""
    assert refused(await shop.post(EVENTS, body), 400)
    assert refused(await shop.post(BATCH, body), 400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": 7},
        {"name": "n" * 201},
        {"name": "pusher:error"},
        {"name": "pusher_internal:member_added"},
        {"name": "\ud800"},
        {"data": {"total": 1}},
        {"data": None},
        {"data": "\ud800"},
        {"channels": []},
        {"channels": "private-orders.7"},
        {"channels": None},
        {"channels": [7]},
        {"channels": [["orders"]]},
        {"channels": [""]},
        {"channels": ["#session-7"]},
        {"channels": ["#server-to-user-"]},
        {"channels": ["#server-to-user-\ud800"]},
        {"channels": ["orders 7"]},
        {"channels": ["ليلى"]},
        {"channels": ["o" * 165]},
        {"channels": ["orders\n"]},
        {"socket_id": "12"},
        {"socket_id": "12.34\n"},
        {"socket_id": "a.b"},
        {"socket_id": 12.34},
        {"info": "user_count,secrets"},
        {"info": ["user_count"]},
    ],
    ids=ascii,
)
async def test_what_no_event_can_be_is_refused(node: Alone, shop: Caller, wrong: dict[str, Any]) -> None:
    """I7 I12 I13"""
    body = json.dumps(placed(**wrong)).encode()  # in ASCII, as half a surrogate pair has to be
    assert refused(await shop.post(EVENTS, body), 400)
    assert await node.signals() == []


async def test_a_name_of_200_characters_passes(node: Alone, shop: Caller) -> None:
    assert (await shop.publish(**placed(name="n" * 200))).status_code == 200
    assert len(await node.signals()) == 1


async def test_a_batch_of_eleven_is_refused_and_one_wrong_event_spoils_all(node: Alone, shop: Caller) -> None:
    """I15"""
    right = {"name": "step", "channel": "walnut-desk", "data": "{}"}
    assert refused(await shop.post(BATCH, {"batch": [right] * 11}), 400)
    assert refused(await shop.post(BATCH, {"batch": [right, {**right, "name": 7}]}), 400)
    assert refused(await shop.post(BATCH, {"batch": [right, {**right, "data": "x" * 10_241}]}), 413)
    nothings: list[Any] = [{}, {"batch": []}, {"batch": [7]}, {"batch": "x"}, {"batch": [{"name": "a", "data": "b"}]}]
    for nothing in nothings:
        assert refused(await shop.post(BATCH, nothing), 400)
    assert await node.signals() == []


async def test_what_is_nowhere_is_not_found_and_a_wrong_method_is_told(shop: Caller) -> None:
    """I29"""
    assert refused(await shop.client.get("/nothing/here"), 404)
    answer = await shop.client.get(EVENTS)
    assert refused(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert refused(await shop.client.delete(f"/apps/{APP}/channels"), 405)


async def test_the_order_of_the_parameters_does_not_matter(shop: Caller) -> None:
    """I27"""
    answer = await shop.publish(**placed())
    url = answer.request.url
    backwards = "&".join(reversed(url.query.decode().split("&")))
    again = await shop.client.post(f"{EVENTS}?{backwards}", content=answer.request.content)
    assert again.status_code == 200


async def test_terminating_is_told_to_every_node_also_without_the_app_in_the_path(node: Alone, shop: Caller) -> None:
    """H5: Python's `pusher` 3.3.4 leaves the app out."""
    for path in (f"/apps/{APP}/users/ليلى/terminate_connections", "/users/ليلى/terminate_connections"):
        assert (await shop.post(path)).status_code == 200
    assert await node.signals() == [{"kind": "terminate", "user_id": "ليلى"}] * 2
    assert refused(await shop.post("/users/7/terminate_connections", auth_key="omars-key"), 401)


async def test_a_call_waits_a_moment_for_redis(redis_url: str) -> None:
    commands = Commands(redis_url)
    wire = asyncio.create_task(commands.run())
    assert await commands.ask_all([("ECHO", "ليلى"), ("ECHO", "2")]) == ["ليلى".encode(), b"2"]
    wire.cancel()
    commands.close()


async def test_a_path_may_be_signed_as_it_is_written_or_as_it_is_sent(node: Alone, shop: Caller) -> None:
    """Libraries differ in whether they escape before or after."""
    escaped = f"/apps/{APP}/users/layla%40example.com/terminate_connections"
    assert (await shop.post(escaped)).status_code == 200
    written = signed("POST", f"/apps/{APP}/users/layla@example.com/terminate_connections", b"", {})
    assert (await shop.client.post(f"{escaped}?{written}")).status_code == 200
    assert [signal["user_id"] for signal in await node.signals()] == ["layla@example.com"] * 2


async def test_without_redis_a_call_is_told_to_come_again(shop: Caller, redis: Any) -> None:
    redis.kill()
    answer = await shop.publish(**placed())
    assert refused(answer, 503)
    assert answer.headers["retry-after"] == "1"
    redis.start()
