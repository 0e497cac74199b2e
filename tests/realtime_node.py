"""One realtime node as a process of its own, with nothing but Redis behind it."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from redis import Redis

from shared.config import Settings
from shared.engines.redis import RedisServer
from tests.ports import free_port
from tests.supervised import Supervised
from tests.waiting import wait_until


class RealtimeNode:
    """`with RealtimeNode(redis, folder) as node:`; Redis is emptied first. Settings as keywords."""

    def __init__(self, redis: RedisServer, folder: Path, **configured: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._redis = redis
        known = {"redis_url": redis.url, "realtime_port": self.port}
        own = {name.upper(): str(value) for name, value in {**known, **configured}.items()}
        self.process = Supervised("realtime", ["services.realtime"], {**os.environ, **own}, folder / "realtime.log")

    @property
    def told(self) -> dict[str, object]:
        """What clients and publishers have to know."""
        known = Settings()
        secret = known.pusher_app_secret.get_secret_value()
        where = {"host": "127.0.0.1", "port": self.port}
        return {"app_id": known.pusher_app_id, "key": known.pusher_app_key, "secret": secret, **where}

    def __enter__(self) -> Self:
        self._redis.start()
        with Redis.from_url(self._redis.url) as client:
            client.flushall()
        self.process.up()
        try:
            wait_until(self.answers, 40)
        except AssertionError:
            self.process.down()
            raise AssertionError(self.process.said()[-4000:]) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.end()
        print(self.process.said()[-4000:])  # noqa: T201 - pytest shows it of a failure

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/livez", trust_env=False, timeout=2).is_success
        except httpx.TransportError:
            return False
