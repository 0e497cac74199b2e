"""What Pusher's HTTP API tells of channels and members, and the health of a node."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from shared.config import Settings
from shared.engines.redis import RedisServer
from tests.production import PRODUCTION
from tests.realtime_alone import APP, Alone, Caller, alone, caller, own_redis

pytestmark = pytest.mark.anyio

CHANNELS = f"/apps/{APP}/channels"
EVENTS = f"/apps/{APP}/events"
BATCH = f"/apps/{APP}/batch_events"


@pytest.fixture(scope="module")
def redis(engines_folder: Path) -> Iterator[RedisServer]:
    with own_redis(engines_folder) as server:
        yield server


@pytest.fixture
async def node(redis_url: str) -> AsyncIterator[Alone]:
    """With subscriptions of three connections: Layla has two tabs."""
    async with alone(redis_url) as node:
        for channel, count in {"orders": 2, "presence-room": 3, "presence-hall": 1, "private-orders.7": 1}.items():
            node.occupancy.changed(channel, count)
        for number, user in enumerate(("layla", "layla", "omar")):
            await node.presence.join("presence-room", f"1.{number}", user, json.dumps({"user_id": user}))
        await node.presence.join("presence-hall", "1.1", "nour", '{"user_id":"nour"}')
        yield node


@pytest.fixture
async def shop(node: Alone) -> AsyncIterator[Caller]:
    async with caller(node) as shop:
        yield shop


def refused(answer: httpx.Response, status: int = 400) -> bool:
    return answer.status_code == status and len(answer.json()["error"]) > 5


async def test_channels_are_listed_that_somebody_is_subscribed_to(node: Alone, shop: Caller) -> None:
    """I16: at once, without a wait for the next batch."""
    node.occupancy.changed("private-orders.7", 0)
    answer = await shop.get(CHANNELS)
    assert answer.status_code == 200
    assert answer.json() == {"channels": {"orders": {}, "presence-room": {}, "presence-hall": {}}}


async def test_channels_are_listed_by_their_prefix_with_their_users(shop: Caller) -> None:
    """I17 I18: users, not connections; and the prefix is text, not a pattern."""
    answer = await shop.get(CHANNELS, filter_by_prefix="presence-", info="user_count")
    assert answer.json() == {"channels": {"presence-room": {"user_count": 2}, "presence-hall": {"user_count": 1}}}
    assert (await shop.get(CHANNELS, filter_by_prefix="presence-h")).json() == {"channels": {"presence-hall": {}}}
    for pattern in ("*", "presence-?", "[o]", "\\"):
        assert (await shop.get(CHANNELS, filter_by_prefix=pattern)).json() == {"channels": {}}


async def test_subscriptions_are_counted_of_any_channel(shop: Caller) -> None:
    answer = await shop.get(CHANNELS, info="subscription_count", filter_by_prefix="o")
    assert answer.json() == {"channels": {"orders": {"subscription_count": 2}}}


async def test_users_are_counted_in_presence_channels_only(shop: Caller) -> None:
    """I19."""
    assert refused(await shop.get(CHANNELS, info="user_count"))
    assert refused(await shop.get(CHANNELS, info="user_count", filter_by_prefix="private-"))
    assert refused(await shop.get(f"{CHANNELS}/orders", info="user_count"))
    assert refused(await shop.get(CHANNELS, info="passwords"))


async def test_one_channel_says_whether_it_is_occupied_and_what_it_is_asked(shop: Caller) -> None:
    """I20 I21 I22."""
    assert (await shop.get(f"{CHANNELS}/orders")).json() == {"occupied": True}
    assert (await shop.get(f"{CHANNELS}/walnut-desk")).json() == {"occupied": False}
    answer = await shop.get(f"{CHANNELS}/presence-room", info="user_count,subscription_count")
    assert answer.json() == {"occupied": True, "user_count": 2, "subscription_count": 3}
    answer = await shop.get(f"{CHANNELS}/orders", info="subscription_count")
    assert answer.json() == {"occupied": True, "subscription_count": 2}
    assert refused(await shop.get(f"{CHANNELS}/ليلى"))


async def test_a_cache_channel_tells_its_last_event(shop: Caller) -> None:
    """I23."""
    empty = await shop.get(f"{CHANNELS}/private-cache-prices", info="cache")
    assert empty.json() == {"occupied": False, "cache": None}
    await shop.publish(name="priced", channels=["private-cache-prices"], data='{"السعر":5}')
    cache = (await shop.get(f"{CHANNELS}/private-cache-prices", info="cache")).json()["cache"]
    assert cache["data"] == '{"السعر":5}'
    assert 1_700 < cache["ttl"] <= 1_800
    assert refused(await shop.get(f"{CHANNELS}/orders", info="cache"))


async def test_the_users_of_a_channel_are_listed_once_each(shop: Caller) -> None:
    """I24: those of a presence channel."""
    assert (await shop.get(f"{CHANNELS}/presence-room/users")).json() == {"users": [{"id": "layla"}, {"id": "omar"}]}
    assert (await shop.get(f"{CHANNELS}/presence-nobody/users")).json() == {"users": []}
    assert refused(await shop.get(f"{CHANNELS}/orders/users"))


async def test_reading_is_signed_too_also_with_the_hash_of_no_body(shop: Caller) -> None:
    """I3: Python's `pusher` sends it; it must be right."""
    empty = "d41d8cd98f00b204e9800998ecf8427e"
    assert (await shop.get(CHANNELS, body_md5=empty)).status_code == 200
    assert refused(await shop.get(CHANNELS, body_md5="0" * 32), 401)
    assert refused(await shop.get(CHANNELS, auth_signature="0" * 64), 401)
    assert refused(await shop.get(CHANNELS, then="&filter_by_prefix=presence-"), 401)
    assert refused(await shop.client.get(CHANNELS), 401)
    assert refused(await shop.get("/apps/2/channels"), 404)


async def test_publishing_tells_the_counts_it_is_asked_for(shop: Caller) -> None:
    """I25: users where there are any."""
    channels = ["orders", "presence-room", "nobody"]
    answer = await shop.publish(name="moved", channels=channels, data="{}", info="user_count,subscription_count")
    assert answer.json()["channels"] == {
        "orders": {"subscription_count": 2},
        "presence-room": {"user_count": 2, "subscription_count": 3},
        "nobody": {"subscription_count": 0},
    }


async def test_a_batch_tells_the_counts_event_by_event(shop: Caller) -> None:
    """I26."""
    batch = [
        {"name": "a", "channel": "presence-room", "data": "{}", "info": "user_count"},
        {"name": "b", "channel": "presence-room", "data": "{}"},
        {"name": "c", "channel": "orders", "data": "{}", "info": "subscription_count"},
    ]
    answer = await shop.post(BATCH, {"batch": batch})
    assert answer.json() == {"batch": [{"user_count": 2}, {}, {"subscription_count": 2}]}


# --- health -----------------------------------------------------------------------------


async def test_a_node_says_whether_it_lives_and_works(node: Alone, shop: Caller) -> None:
    assert (await shop.client.get("/livez")).json() == {"status": "ok"}
    assert (await shop.client.get("/readyz")).status_code == 200
    node.ready = False
    assert (await shop.client.get("/readyz")).status_code == 503
    assert (await shop.client.get("/livez")).status_code == 200


async def test_prometheus_reads_what_a_node_counts(shop: Caller) -> None:
    answer = await shop.client.get("/metrics")
    assert "# TYPE taboor_realtime_deliveries_total counter\ntaboor_realtime_deliveries_total 1234\n" in answer.text
    assert "\ntaboor_realtime_connections 3\n" in answer.text


@pytest.mark.parametrize(("token", "status"), [("", 404), ("another", 404), ("figures-for-nour", 200)])
async def test_in_production_figures_are_for_who_has_the_token(
    node: Alone, shop: Caller, token: str, status: int
) -> None:
    given = {name.lower(): value for name, value in PRODUCTION.items()}
    node.given = Settings.model_validate({**given, "metrics_token": "figures-for-nour"})
    answer = await shop.client.get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
    assert answer.status_code == status
