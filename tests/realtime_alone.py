"""A realtime node without sockets: what it keeps in Redis, and its HTTP API called in this process, signed by hand."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

from services.realtime.app import create_app
from services.realtime.nodes import Nodes
from services.realtime.occupancy import Occupancy
from services.realtime.presence import Presence
from services.realtime.redis_wire import Commands
from services.realtime.webhooks import Webhooks
from shared.broadcasting import keys
from shared.config import Settings
from shared.engines.redis import RedisServer
from tests.ports import free_port

APP, KEY, SECRET = "1", "taboor-key", "taboor-secret"


@dataclass
class Alone:
    """A node that nobody can connect to."""

    redis: Redis
    commands: Commands
    name: str
    webhook_url: str = ""
    ready: bool = True
    given: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.webhook_url, KEY, SECRET)
        self.presence = Presence(self.redis, self.name, self.webhooks)
        self.occupancy = Occupancy(self.redis, self.name, self.webhooks)
        self.nodes = Nodes(self.redis, self.name, self.presence, self.occupancy, self.webhooks)

    def settings(self) -> Settings:
        return self.given

    def health(self) -> dict[str, Any]:
        return {"ready": self.ready, "connections": 3, "deliveries": 1234}

    async def signals(self) -> list[dict[str, str]]:
        """Return what every node was told, oldest first."""
        entries: Any = await self.redis.xrange(keys.SIGNALS)
        return [text(fields) for _position, fields in entries]

    async def members_told(self) -> list[tuple[str, str]]:
        """Return who was told to come and to go: `added` or `removed`, and the user's id."""
        told = [signal for signal in await self.signals() if signal["event"].startswith("pusher_internal:")]
        return [(signal["event"].removeprefix("pusher_internal:member_"), _id(signal["data"])) for signal in told]


def text(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def _id(data: str) -> str:
    return str(json.loads(data)["user_id"])


@contextmanager
def own_redis(folder: Path) -> Iterator[RedisServer]:
    """Run a Redis that no other node of this test run has: it would be one of these nodes."""
    with RedisServer(folder / "realtime-redis", free_port()) as server:
        yield server


@asynccontextmanager
async def alone(redis_url: str, name: str = "cairo-1", **more: Any) -> AsyncIterator[Alone]:
    """Run such a node, registered, and end it as a deploy does."""
    async with Redis.from_url(redis_url) as redis:
        node = Alone(redis, Commands(redis_url), name, **more)
        wire = asyncio.create_task(node.commands.run())
        await node.nodes.start()
        try:
            yield node
        finally:
            await node.nodes.stop()
            wire.cancel()
            node.commands.close()


class Caller:
    """Signs as the Pusher documents say, written down here a second time; each part of it can be made wrong."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, *, then: str = "", **query: str) -> httpx.Response:
        return await self.client.get(f"{path}?{signed('GET', path, b'', query)}{then}")

    async def post(self, path: str, body: Any = None, **query: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        query = {"body_md5": md5(content)} | query
        return await self.client.post(f"{path}?{signed('POST', path, content, query)}", content=content)

    async def publish(self, **event: Any) -> httpx.Response:
        return await self.post(f"/apps/{APP}/events", event)


def signed(method: str, path: str, _body: bytes, query: Mapping[str, str]) -> str:
    """Return the query of a call. What is given by name is signed as it is; `auth_signature` replaces the right one."""
    given = {"auth_key": KEY, "auth_timestamp": str(int(time.time())), "auth_version": "1.0", **query}
    forged = given.pop("auth_signature", None)
    told = "&".join(f"{name}={value}" for name, value in sorted(given.items()))
    right = hmac.new(SECRET.encode(), f"{method}\n{path}\n{told}".encode(), hashlib.sha256).hexdigest()
    return str(httpx.QueryParams({**given, "auth_signature": forged or right}))


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@asynccontextmanager
async def caller(node: Alone) -> AsyncIterator[Caller]:
    transport = httpx.ASGITransport(app=create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://realtime") as client:
        yield Caller(client)
