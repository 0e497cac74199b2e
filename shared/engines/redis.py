"""Redis on a loopback port, with a log that survives a crash (it loses at most the last second, and may)."""

import signal
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from shared.engines.binaries import redis_server
from shared.engines.process import Engine, become, die_with_parent

# noeviction: a full Redis must say so; it may never drop a message in silence.
SETTINGS = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


class RedisServer(Engine):
    """A Redis of our own."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        return answers(self.url)


def answers(url: str) -> bool:
    """Say whether a Redis answers there (one that still loads its data does not)."""
    try:
        with Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except RedisError:
        return False


def run(folder: Path, port: int) -> None:
    """Become the server, in the foreground."""
    program = redis_server()
    folder.mkdir(parents=True, exist_ok=True)
    die_with_parent(signal.SIGTERM)
    options = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    become([str(program), "--port", str(port), "--dir", str(folder.resolve()), *options], {"LC_ALL": "C", "TZ": "UTC"})
