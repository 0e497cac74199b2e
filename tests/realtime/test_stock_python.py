"""The Python clients pysher and asyncpusher, as they are, against a realtime node (J18 and J19)."""

import asyncio
import queue
from collections.abc import Iterator
from typing import Any, Self

import asyncpusher  # type: ignore[import-untyped]  # it ships no types
import pusher
import pysher  # type: ignore[import-untyped]  # it ships no types
import pytest

from shared.broadcasting.signatures import sign_channel
from shared.engines.redis import RedisServer
from tests.realtime_node import RealtimeNode

LAYLA = {"user_id": "layla", "user_info": {"name": "ليلى"}}


@pytest.fixture(scope="module")
def node(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealtimeNode]:
    with RealtimeNode(redis, tmp_path_factory.mktemp("python")) as node:
        yield node


@pytest.fixture
def publisher(node: RealtimeNode) -> pusher.Pusher:
    """The official server library."""
    return pusher.Pusher(**node.told, ssl=False)


class Pysher:
    """A connected pysher, and what one of its channels heard."""

    def __init__(self, node: RealtimeNode, channel: str) -> None:
        told = node.told
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._channel = channel
        self.client = pysher.Pusher(
            told["key"], custom_host="127.0.0.1", port=node.port, secure=False, secret=told["secret"], user_data=LAYLA
        )
        self.client.connection.bind("pusher:connection_established", self._subscribe)

    def _subscribe(self, _data: str) -> None:
        channel = self.client.subscribe(self._channel)
        for event in ("pusher_internal:subscription_succeeded", "OrderShipped", "client-typing"):
            channel.bind(event, lambda data, event=event: self.heard.put((event, data)))

    def __enter__(self) -> Self:
        self.client.connect()
        assert self.next()[0] == "pusher_internal:subscription_succeeded"
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect(0.2)  # its thread often misses that its socket was closed by another, and is a daemon

    def next(self) -> tuple[str, Any]:
        return self.heard.get(timeout=5)


@pytest.mark.parametrize("channel", ["orders", "private-orders.18", "presence-orders.18"])
def test_j18_pysher_subscribes_and_hears(node: RealtimeNode, publisher: pusher.Pusher, channel: str) -> None:
    # Given a pysher client, which speaks protocol 6, in a public, a private, a presence channel
    with Pysher(node, channel) as client:
        # When a server publishes
        publisher.trigger(channel, "OrderShipped", {"note": "مكتب جوز"})
        # Then it hears it, as the text that was sent
        event, data = client.next()
        assert (event, data) == ("OrderShipped", '{"note": "مكتب جوز"}')
        # And it stays connected
        assert client.client.connection.state == "connected"


def test_j18_pysher_hears_what_another_client_says(node: RealtimeNode) -> None:
    with Pysher(node, "presence-orders.19") as one, Pysher(node, "presence-orders.19") as other:
        one.client.channel("presence-orders.19").trigger("client-typing", {"line": 1})
        assert other.next()[0] == "client-typing"
        assert one.heard.empty()


def test_j19_asyncpusher_subscribes_hears_and_reconnects(node: RealtimeNode, publisher: pusher.Pusher) -> None:
    asyncio.run(_with_asyncpusher(node, publisher))


async def _with_asyncpusher(node: RealtimeNode, publisher: pusher.Pusher) -> None:
    told, heard = node.told, asyncio.Queue[Any]()
    key, secret = str(told["key"]), str(told["secret"])

    async def authenticate(asked: dict[str, str]) -> dict[str, str]:
        return {"auth": f"{key}:{sign_channel(secret, asked['socket_id'], asked['channel_name'])}"}

    # Given an asyncpusher client in a private channel
    client = asyncpusher.Pusher(
        key,
        custom_host="127.0.0.1",
        custom_port=node.port,
        secure=False,
        channel_authenticator=authenticate,
        auto_sub=True,
    )
    await client.connect()
    channel = await client.subscribe("private-orders.20")
    channel.bind("pusher_internal:subscription_succeeded", heard.put)
    channel.bind("OrderShipped", heard.put)
    assert await asyncio.wait_for(heard.get(), 5) == {}
    # When a server publishes, then it hears it
    await asyncio.to_thread(publisher.trigger, "private-orders.20", "OrderShipped", {"step": 1})
    assert await asyncio.wait_for(heard.get(), 5) == {"step": 1}
    # When its line is lost, then it comes back by itself and hears on
    socket = client.connection.socket_id
    client.connection._ws._response.connection.transport.abort()
    assert await asyncio.wait_for(heard.get(), 10) == {}
    assert client.connection.socket_id != socket
    await asyncio.to_thread(publisher.trigger, "private-orders.20", "OrderShipped", {"step": 2})
    assert await asyncio.wait_for(heard.get(), 5) == {"step": 2}
    await client.disconnect()
