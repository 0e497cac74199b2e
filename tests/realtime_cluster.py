"""Some realtime nodes as processes with one Redis of their own behind them, and what a relay and an app tell them."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pusher import Pusher
from redis import Redis

from shared.broadcasting import keys
from shared.broadcasting.stream_script import append
from shared.engines.redis import RedisServer
from tests.ports import free_port
from tests.realtime_client import KEY, SECRET, Client
from tests.supervised import Supervised
from tests.waiting import wait_until


class Node:
    """One process. Settings as keywords, options as a list."""

    def __init__(self, name: str, folder: Path, options: Sequence[str] = (), **more: object) -> None:
        self.name, self.port = name, int(str(more.pop("realtime_port", 0))) or free_port()
        told = {**more, "realtime_port": self.port}
        environment = {**os.environ, **{key.upper(): str(value) for key, value in told.items()}}
        arguments = ["services.realtime", "--node", name, *options]
        self.process = Supervised(name, arguments, environment, folder / f"{name}.log")

    def start(self) -> None:
        self.process.up()
        try:
            wait_until(lambda: self.health() is not None, 20)
        except AssertionError:
            raise AssertionError(self.process.said()[-4000:]) from None

    def health(self) -> dict[str, Any] | None:
        """Return what /readyz says; None if nobody answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False, timeout=2)
        except httpx.TransportError:
            return None
        return {**answer.json(), "code": answer.status_code}

    def figure(self, name: str) -> Any:
        health = self.health()
        return None if health is None else health[name]

    def app(self) -> Pusher:
        """Return the app's client of the HTTP API."""
        return Pusher(app_id="1", key=KEY, secret=SECRET, host="127.0.0.1", port=self.port, ssl=False)

    def errors(self) -> list[str]:
        """Return what went wrong by this node's own fault."""
        return [line for line in self.process.said().splitlines() if '"level": "error"' in line or "Traceback" in line]


class Cluster:
    """The nodes and their Redis."""

    def __init__(self, redis: RedisServer, nodes: list[Node]) -> None:
        self.redis, self.nodes = redis, nodes
        self.position = 100

    @property
    def port(self) -> int:
        return self.nodes[0].port

    def app(self) -> Pusher:
        return self.nodes[0].app()

    def client(self, number: int = 0, **more: Any) -> Client:
        return Client(self.nodes[number].port, **more)

    def fact(self, *channels: str, data: str = "{}", event: str = "App\\Events\\OrderShipped", **more: Any) -> int:
        """Write a fact as the relay does; return its position."""
        self.position = more.get("position", self.position + 1)
        streams = [keys.channel(channel) for channel in channels]
        now = more.get("occurred_at", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()))
        words = [f"{self.position}-0", event, json.dumps(channels), data, now, len(streams), *streams]
        with Redis.from_url(self.redis.url) as client:
            append(client, more.get("life", os.urandom(8).hex()), words, since=0, anew=True)
        return self.position

    def redis_client(self) -> Redis:
        return Redis.from_url(self.redis.url)


@contextmanager
def cluster(
    redis: RedisServer, folder: Path, names: Sequence[str] = ("cairo-1",), options: Sequence[str] = (), **more: object
) -> Iterator[Cluster]:
    """Run some nodes with this Redis, emptied. A life and a first fact are there."""
    redis.start()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    nodes = [Node(name, folder, options, **{"redis_url": redis.url, **more}) for name in names]
    together = Cluster(redis, nodes)
    together.fact("somebody-elses")
    try:
        for node in nodes:
            node.start()
        yield together
    finally:
        for node in nodes:
            node.process.end()
            print(node.process.said()[-4000:])  # noqa: T201 - pytest shows it of a failure
