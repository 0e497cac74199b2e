"""When things go wrong: a client that does not read, many that come and go, Redis away, a node that stops."""

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from shared.broadcasting import keys
from shared.engines.redis import RedisServer
from tests.realtime_client import KEY, Client, succeeded
from tests.realtime_cluster import Cluster, Node, cluster
from tests.waiting import wait_until

IMPATIENT = ("--ping-after", "0.6", "--pong-wait", "0.6")


@pytest.fixture(scope="module")
def shop(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(redis, tmp_path_factory.mktemp("realtime")) as together:
        yield together
        assert not together.nodes[0].errors()


def deaf(port: int, channel: str) -> socket.socket:
    """Return a client that subscribes and then never reads."""
    raw = socket.create_connection(("127.0.0.1", port), 5)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    request = f"GET /app/{KEY}?protocol=7 HTTP/1.1\r\nHost: x\r\n{upgrade}Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n"
    raw.sendall(request.encode())
    message = json.dumps({"event": "pusher:subscribe", "data": {"channel": channel}}).encode()
    raw.sendall(bytes((0x81, 0x80 | len(message), 0, 0, 0, 0)) + message)
    return raw


def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(shop: Cluster) -> None:
    """L1."""
    with shop.client() as layla, deaf(shop.port, "products") as mallory:
        # Given two subscribers, one of whom reads nothing
        assert succeeded(layla.subscribe("products"))
        wait_until(lambda: shop.nodes[0].figure("subscriptions") == 2)
        memory = resident(shop.nodes[0])
        # When more and more is said
        data, said = "x" * 10_000, 0
        with shop.redis_client() as client:
            while shop.nodes[0].figure("dropped_slow") == 0:
                assert said < 4_000, "it was never dropped"
                for _ in range(50):
                    client.xadd(keys.SIGNALS, signal("products", data))
                said += 50
                # Then the other hears all of it
                assert all(len(layla.next()["data"]) == 10_000 for _ in range(50))
        # And the deaf one was closed, without much memory spent on it
        wait_until(lambda: shop.nodes[0].figure("subscriptions") == 1)
        assert ends(mallory)
        assert resident(shop.nodes[0]) - memory < 20_000


def signal(channel: str, data: str) -> dict[str, str]:
    return {"kind": "event", "event": "moved", "channels": json.dumps([channel]), "data": data, "except": ""}


def resident(node: Node) -> int:
    """Return a node's memory in kB."""
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def ends(raw: socket.socket) -> bool:
    """Say whether a connection is over, once all that was on its way is read."""
    raw.settimeout(10)
    try:
        while raw.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass
    return True


def test_300_clients_come_and_go_and_leave_nothing_behind(shop: Cluster) -> None:
    """L2: some in order, some without a word."""

    def visit(number: int) -> bool:
        client = shop.client()
        client.subscribe(f"presence-shelf-{number % 7}", json.dumps({"user_id": number}))
        client.subscribe("products")
        fine = client.alive()
        if number % 3:
            client.ws.close()
        else:
            client.ws.socket.shutdown(socket.SHUT_RDWR)
        return fine

    with ThreadPoolExecutor(12) as crowd:
        assert all(crowd.map(visit, range(300)))
    wait_until(lambda: shop.nodes[0].figure("connections") == 0)
    assert shop.nodes[0].figure("subscriptions") == 0
    with shop.redis_client() as client:
        wait_until(
            lambda: not client.keys("taboor:presence:*shelf*[0-9]") and not client.hlen(keys.occupied("cairo-1"))
        )


def test_who_is_gone_without_a_word_is_found(redis: RedisServer, tmp_path: Path) -> None:
    """Reverb's `pings inactive, prunes stale`; a client that answers stays, by whichever kind of pong."""
    with (
        cluster(redis, tmp_path, options=IMPATIENT) as shop,
        shop.client() as layla,
        deaf(shop.port, "products") as mallory,
    ):
        # Given a client that answers, and one that is frozen
        mallory.settimeout(5)
        # Then the frozen one is asked twice, and closed with 4201
        heard = b""
        while piece := mallory.recv(65_536):
            heard += piece
        assert b"\x89\x00" in heard
        assert b"pusher:ping" in heard
        assert (4201).to_bytes(2) in heard
        # And the other is still there
        assert layla.alive()


def test_there_are_no_more_connections_than_may_be(redis: RedisServer, tmp_path: Path) -> None:
    with (
        cluster(redis, tmp_path, realtime_connections=2) as shop,
        shop.client() as layla,
        shop.client() as omar,
        shop.client(greeted=False) as third,
    ):
        assert third.closed()[0] == 4100  # by 4001 to 4099 clients give up for good
        assert layla.alive()
        omar.ws.close()
        wait_until(lambda: shop.nodes[0].figure("connections") == 1)
        with shop.client() as nour:
            assert nour.alive()


def test_while_redis_is_away_clients_stay_and_then_hear_all(redis: RedisServer, shop: Cluster) -> None:
    with shop.client() as layla:
        node = shop.nodes[0]
        layla.subscribe("products")
        shop.fact("products", data="1")
        assert layla.next()["data"] == "1"
        # When Redis goes away, then the node says so, and serves what needs no Redis
        redis.stop()
        wait_until(lambda: node.figure("code") == 503)
        health = node.health()
        assert health is not None
        assert health["status"] == "degraded: redis"
        assert layla.alive()
        assert succeeded(layla.subscribe("desks"))
        # And when it is back, the node is well and what was written meanwhile is heard
        redis.start()
        shop.fact("products", data="2")
        assert layla.until("App\\Events\\OrderShipped")["data"] == "2"
        wait_until(lambda: node.figure("code") == 200)
        shop.app().trigger("desks", "moved", "3")
        assert layla.next()["data"] == "3"


def test_a_subscription_that_needs_redis_waits_for_it(redis: RedisServer, shop: Cluster) -> None:
    with shop.client() as layla, shop.client() as omar:
        # Given Redis away for a moment
        redis.stop()
        wait_until(lambda: shop.nodes[0].figure("code") == 503)
        # When clients subscribe what is in it, and say more
        layla.ask("presence-shop", '{"user_id":"layla"}')
        layla.ask("products")
        omar.ask("private-orders.1", '{"after":1}')
        assert shop.nodes[0].figure("connections") == 2
        redis.start()
        # Then they are answered in their order when it is back
        assert layla.next()["channel"] == "presence-shop"
        assert layla.next()["channel"] == "products"
        assert [omar.next()["event"] for _ in range(2)] == [
            "pusher_internal:subscription_succeeded",
            "pusher:resume_failed",
        ]


def test_a_frozen_redis_is_noticed(redis: RedisServer, shop: Cluster) -> None:
    with shop.client() as layla:
        os.kill(redis.pid, 19)
        try:
            wait_until(lambda: shop.nodes[0].figure("code") == 503)
            assert layla.alive()
        finally:
            os.kill(redis.pid, 18)
        wait_until(lambda: shop.nodes[0].figure("code") == 200)


def test_a_node_that_stops_sends_its_clients_to_the_next_a_few_at_a_time(redis: RedisServer, tmp_path: Path) -> None:
    """Two programs share the port, as in a deploy."""
    with cluster(redis, tmp_path) as shop:
        # Given fifty clients of a node, and a second node on its port
        clients = [shop.client() for _ in range(50)]
        for client in clients:
            client.subscribe("presence-shop", json.dumps({"user_id": client.socket_id}))
        second = Node("cairo-2", tmp_path, redis_url=redis.url, realtime_port=shop.port)
        second.process.up()
        try:
            wait_until(lambda: '"listening"' in second.process.said(), 20)
            # When the first is asked to stop
            began = time.monotonic()
            with ThreadPoolExecutor(50) as crowd:
                ends = [crowd.submit(lambda one: (one.closed(15)[0], time.monotonic()), client) for client in clients]
                shop.nodes[0].process.end()
                closed = [end.result() for end in ends]
            # Then each client is told to come back at once, not all in one moment
            assert {code for code, _ in closed} == {4200}
            moments = sorted(moment - began for _, moment in closed)
            assert moments[-1] - moments[0] > 1
            # And finds the second node, which knows that the others are gone
            with Client(shop.port) as layla:
                answer = layla.subscribe("presence-shop", '{"user_id":"layla"}')
                assert json.loads(answer["data"])["presence"]["ids"] == ["layla"]
        finally:
            second.process.end()
        assert not shop.nodes[0].errors()


def test_a_node_that_starts_without_redis_serves_later(redis: RedisServer, tmp_path: Path) -> None:
    """In a database of its own, at that."""
    with cluster(redis, tmp_path, names=[]) as shop:
        redis.stop()
        node = Node("cairo-1", tmp_path, redis_url=redis.url.replace("/0", "/3"))
        shop.nodes.append(node)
        node.start()
        with shop.client() as layla:
            assert succeeded(layla.subscribe("products"))
            assert node.figure("code") == 503
            redis.start()
            # It cannot know what was said before it heard anything
            assert layla.next()["event"] == "pusher:resume_failed"
            with Redis.from_url(redis.url.replace("/0", "/3")) as client:
                client.xadd(keys.SIGNALS, signal("products", "1"))
            assert layla.next()["data"] == "1"
