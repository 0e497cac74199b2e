"""Presence over several nodes: one that is killed, one that was only frozen, and a Redis that forgot everything."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import RedisError

from services.realtime import cluster_keys, counts
from services.realtime.presence import TooMany, text
from shared.broadcasting import keys
from shared.engines.redis import RedisServer
from tests.realtime_alone import Alone, alone, own_redis

pytestmark = pytest.mark.anyio

ROOM = "presence-room"


@pytest.fixture(scope="module")
def redis(engines_folder: Path) -> Iterator[RedisServer]:
    with own_redis(engines_folder) as server:
        yield server


@pytest.fixture
async def cairo(redis_url: str) -> AsyncIterator[Alone]:
    async with alone(redis_url, "cairo-1") as node:
        yield node


@pytest.fixture
async def giza(redis_url: str) -> AsyncIterator[Alone]:
    async with alone(redis_url, "giza-1") as node:
        yield node


async def join(node: Alone, user: str, socket_id: str = "1.1", room: str = ROOM) -> list[str]:
    """Have a user join; return who is there then."""
    joined = await node.presence.join(room, socket_id, user, json.dumps({"user_id": user}))
    return sorted(json.loads(member)["user_id"] for member in joined.members)


async def who(node: Alone, room: str = ROOM) -> list[str]:
    """Return who is there, as the HTTP API tells it."""
    return await counts.users(node, room)


async def leave(node: Alone, socket_id: str = "1.1", room: str = ROOM) -> str | None:
    return await node.presence.leave(room, socket_id)


async def kill(node: Alone, *others: Alone) -> None:
    """Have a node vanish: its lease runs out while others live."""
    for task in node.nodes._tasks:
        task.cancel()
    await others[0].redis.delete(keys.node(node.name))


async def turn_when_redis_is_back(node: Alone) -> None:
    """Connections of before the restart fail once each; a node tries again each second, and this at once."""
    for _ in range(20):
        try:
            return await node.nodes.turn()
        except RedisError:
            await node.redis.connection_pool.disconnect()
    raise AssertionError("Redis did not come back")


# --- counted over all nodes -------------------------------------------------------------


async def test_a_user_on_two_nodes_is_one_member_until_the_last_connection_leaves(cairo: Alone, giza: Alone) -> None:
    """D3 D4 over nodes: the same socket's id on two nodes is no matter."""
    assert await join(cairo, "layla") == ["layla"]
    assert await join(giza, "layla") == ["layla"]
    assert await join(giza, "layla", "2.2") == ["layla"]
    assert await leave(cairo) is None
    assert await leave(giza) is None
    assert await leave(giza, "2.2") == "layla"
    assert await leave(giza, "2.2") is None
    assert await cairo.members_told() == [("added", "layla"), ("removed", "layla")]
    # And nothing is left of it
    assert {text(key) for key in await cairo.redis.keys("taboor:pres*")} <= {cluster_keys.presence_fresh(ROOM)}


async def test_whoever_joins_knows_from_where_on_to_listen(cairo: Alone, giza: Alone) -> None:
    """The list and what is told after it are whole together, and nothing is in both."""
    # Given two who join, one after the other
    first = await cairo.presence.join(ROOM, "1.1", "layla", '{"user_id":"layla"}')
    second = await giza.presence.join(ROOM, "1.1", "omar", '{"user_id":"omar"}')
    # Then what the first has to hear is the second, and the second has nothing to hear
    after: Any = await cairo.redis.xrange(keys.SIGNALS, f"({first.heard}")
    assert [text(entry) for entry, _ in after] == [second.heard]
    # And who is there already is told of it as it is now
    third = await giza.presence.join(ROOM, "3.3", "layla", '{"user_id":"layla"}')
    assert (third.first, third.heard) == (False, second.heard)


async def test_a_hundred_join_from_two_nodes_at_once_and_nobody_else(cairo: Alone, giza: Alone) -> None:
    """D11 over nodes."""
    wishes = [join(node, f"guest-{number}", f"1.{number}") for number in range(60) for node in (cairo,)]
    wishes += [join(giza, f"visitor-{number}", f"1.{number}") for number in range(60)]
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, TooMany)]) == 20
    assert len(await who(cairo)) == 100
    assert len(await cairo.members_told()) == 100


# --- a node that dies -------------------------------------------------------------------


async def test_the_members_of_a_killed_node_leave_once_whoever_finds_it_dead(
    cairo: Alone, giza: Alone, redis: RedisServer
) -> None:
    """By one of many that look at the same time."""
    # Given members on three nodes, some of them on more than one
    async with alone(redis.url, "luxor-1") as luxor:
        for number, user in enumerate(("layla", "omar", "nour")):
            await join(luxor, user, f"{number}.7")
        await join(luxor, "salma", "5.5", "presence-hall")
        await join(cairo, "omar")
        # When the third is killed, and the others look at once
        await kill(luxor, cairo)
        await asyncio.gather(*(node.nodes.turn() for node in (cairo, giza, cairo, giza)))
        # Then those who had nothing else are gone, each told once
        assert await who(cairo) == ["omar"]
        assert await who(cairo, "presence-hall") == []
        removed = [user for what, user in await cairo.members_told() if what == "removed"]
        assert sorted(removed) == ["layla", "nour", "salma"]
        assert await cairo.nodes.live() == ["cairo-1", "giza-1"]


async def test_a_node_that_was_only_frozen_comes_back_with_its_members_aloud(cairo: Alone, giza: Alone) -> None:
    """They were told to be gone, so they are told to be there again."""
    await join(cairo, "layla")
    giza.occupancy.changed(ROOM, 1)
    # Given that the node was taken for dead
    await cairo.redis.delete(keys.node("cairo-1"))
    await giza.nodes.turn()
    assert await who(giza) == []
    # When it goes on
    await cairo.nodes.turn()
    # Then its member is there, and all know it; and once more is no more
    await cairo.nodes.turn()
    assert await who(giza) == ["layla"]
    assert await cairo.members_told() == [("added", "layla"), ("removed", "layla"), ("added", "layla")]


async def test_a_node_that_starts_anew_by_its_old_name_clears_up_after_itself(
    cairo: Alone, giza: Alone, redis: RedisServer
) -> None:
    """Without waiting for the lease of the killed one."""
    await join(giza, "layla")
    for task in giza.nodes._tasks:
        task.cancel()  # as a kill: nothing is said
    async with alone(redis.url, "giza-1"):
        assert await who(cairo) == []
        assert await cairo.members_told() == [("added", "layla"), ("removed", "layla")]


# --- a Redis that forgot ----------------------------------------------------------------


async def test_after_a_wipe_each_node_says_again_who_is_there_and_disturbs_nobody(cairo: Alone, giza: Alone) -> None:
    # Given members on both nodes, one of them on both
    for node, user, socket_id in ((cairo, "layla", "1.1"), (cairo, "omar", "2.2"), (giza, "omar", "2.2")):
        await join(node, user, socket_id)
    # When Redis forgets everything, and the nodes notice
    await cairo.redis.flushall()
    await cairo.nodes.turn()
    await giza.nodes.turn()
    # Then all are there, and nobody was told
    assert await who(cairo) == ["layla", "omar"]
    assert await cairo.members_told() == []
    # And they are counted as before
    assert await leave(cairo, "2.2") is None
    assert await leave(giza, "2.2") == "omar"


async def test_who_joined_a_wiped_channel_before_it_was_whole_hears_of_the_others(cairo: Alone, giza: Alone) -> None:
    await join(cairo, "layla")
    await cairo.redis.flushall()
    assert await join(giza, "omar") == ["omar"]
    await cairo.nodes.turn()
    assert ("added", "layla") in await cairo.members_told()
    assert await who(cairo) == ["layla", "omar"]


async def test_who_left_too_early_after_a_wipe_but_has_another_tab_is_back(cairo: Alone, giza: Alone) -> None:
    """One node had registered again, the other not yet."""
    await join(cairo, "layla")
    await join(giza, "layla")
    await cairo.redis.flushall()
    await cairo.nodes.turn()
    assert await leave(cairo) == "layla"
    await giza.nodes.turn()
    assert await cairo.members_told() == [("removed", "layla"), ("added", "layla")]


async def test_who_leaves_while_redis_is_away_is_told_when_it_is_back(
    cairo: Alone, giza: Alone, redis: RedisServer
) -> None:
    await join(cairo, "layla")
    await join(giza, "omar")
    redis.kill()
    assert await leave(cairo) is None
    await asyncio.to_thread(redis.start)
    await turn_when_redis_is_back(cairo)
    await turn_when_redis_is_back(giza)
    assert await who(giza) == ["omar"]
    assert ("removed", "layla") in await giza.members_told()


# --- counts of channels -----------------------------------------------------------------


async def counted(node: Alone) -> dict[str, int]:
    return await counts.occupied(node, "")


async def test_subscriptions_are_counted_over_nodes_and_dead_ones_are_not(cairo: Alone, giza: Alone) -> None:
    for node, count in ((cairo, 3), (giza, 2)):
        node.occupancy.changed("orders", count)
        node.occupancy.changed(node.name, 1)
        await node.occupancy.flush()
    assert await counted(cairo) == {"orders": 5, "cairo-1": 1, "giza-1": 1}
    # When a client leaves, and a node dies
    cairo.occupancy.changed("orders", 2)
    await kill(giza, cairo)
    await cairo.nodes.turn()
    assert await counted(cairo) == {"orders": 2, "cairo-1": 1}
    # And when Redis forgets everything, it is told again
    await cairo.redis.flushall()
    await cairo.nodes.turn()
    assert await counted(cairo) == {"orders": 2, "cairo-1": 1}


async def test_a_dead_node_with_thousands_of_channels_is_cleared_whole(cairo: Alone, giza: Alone) -> None:
    for number in range(3_000):
        giza.occupancy.changed(f"private-orders.{number}", 1)
    assert len(await counted(giza)) == 3_000
    await kill(giza, cairo)
    await cairo.nodes.turn()
    assert await counted(cairo) == {}
    assert await cairo.redis.exists(keys.occupied("giza-1")) == 0


async def test_counts_wait_while_redis_is_away(cairo: Alone, redis: RedisServer) -> None:
    cairo.occupancy.changed("orders", 1)
    assert await counted(cairo) == {"orders": 1}
    redis.kill()
    cairo.occupancy.changed("orders", 7)
    cairo.occupancy.changed("queues", 1)
    await asyncio.to_thread(redis.start)
    await turn_when_redis_is_back(cairo)
    assert await counted(cairo) == {"orders": 7, "queues": 1}
