"""Realtime: whatever dies, each page has every fact of its order once, in order, or was told to refetch."""

import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from shared.engines.redis import RedisServer
from tests.audited import Tell
from tests.realtime_cluster import Cluster, Node, cluster
from tests.realtime_follower import Database, Page, Relay
from tests.supervised import Supervisor
from tests.waiting import wait_until

PAGES = 12


def break_something(shop: Cluster, redis: RedisServer, dice: random.Random) -> str:
    """Kill a node, mostly; or end all its connections in order, or restart Redis, or wipe it."""
    what = dice.choice(["kill", "kill", "kill", "stop", "restart", "wipe"])
    node: Node = dice.choice(shop.nodes)
    if what == "kill":
        node.process.kill()
    elif what == "stop":
        node.process._signal(signal.SIGTERM)
    elif what == "restart":
        redis.stop()
        redis.start()
    else:
        with Redis.from_url(redis.url) as client:
            client.flushall()
    return what


@pytest.mark.proof
def test_while_nodes_are_killed_and_redis_is_restarted_and_wiped_no_page_misses_a_fact(
    redis: RedisServer, tmp_path: Path, dice: random.Random, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    seconds, each = scaled(60, 12), 2.0
    database, broken = Database(), []
    with cluster(redis, tmp_path, ["cairo-1", "cairo-2"]) as shop:
        with shop.redis_client() as client:
            client.flushall()  # the cluster's own first fact is none of this shop's
        relay = Relay(database, redis.url)
        database.happen("private-orders.0")
        relay.start()
        ports = [node.port for node in shop.nodes]
        pages = [Page(f"private-orders.{n}", ports, database, random.Random(dice.random())) for n in range(PAGES)]
        supervisor = Supervisor([node.process for node in shop.nodes])
        supervisor.start()
        # Given pages that follow an order each, and facts of all of them, all the time
        for page in pages:
            page.start()
        writer = threading.Thread(target=happenings, args=(database, random.Random(dice.random()), seconds))
        writer.start()
        try:
            # When something breaks every two seconds
            while writer.is_alive():
                time.sleep(each * dice.uniform(0.5, 1.5))
                broken.append(break_something(shop, redis, dice))
            writer.join()
            # Then in the end every page has every fact of its order, once, in order
            wait_until(lambda: relay.idle, 30)
            try:
                wait_until(lambda: not differing(pages, database), 30)
            except AssertionError:
                raise AssertionError(differing(pages, database)) from None
        finally:
            supervisor.stop()
            for over in (*(page.over for page in pages), relay.over):
                over.set()
            for thread in (*pages, relay):
                thread.join(5)
        assert not [fault for page in pages for fault in page.faults]
        assert not [error for node in shop.nodes for error in node.errors()]
    tell(
        facts=len(database.facts),
        broken=len(broken),
        connections=sum(page.connections for page in pages),
        refetched=sum(page.refetched for page in pages),
    )


def differing(pages: list[Page], database: Database) -> list[str]:
    """Return what pages have too little or too much of."""
    wrong = []
    for page in pages:
        heard, truth = list(page.heard), database.of(page.channel)
        if heard != truth:
            wrong.append(f"{page.channel}: lacks {sorted({*truth} - {*heard})}, has {len(heard)} of {len(truth)}")
    return wrong


def happenings(database: Database, chance: random.Random, seconds: float) -> None:
    """About two hundred facts a second, of any order."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        database.happen(f"private-orders.{chance.randrange(PAGES)}")
        time.sleep(chance.expovariate(200))
