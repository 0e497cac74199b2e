"""Servers of live events on the first core, and `wsload`, which is their subscribers, on the last."""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from redis import Redis

from benchmarks.ground import Crew, Ground, free_port, listens, wait_until
from shared.broadcasting.keys import LIFE
from shared.config import settings

SOURCES = Path(__file__).with_name("peers")
CORES = os.cpu_count() or 1
SERVER_CORE, LOAD_CORE = 0, CORES - 1
FILES = 12_000  # sockets for 5,000 subscribers, and room


def lacking() -> str:
    """Say in a sentence what this machine has too little of; empty if it has all."""
    if shutil.which("cc") is None:
        return "needs a C compiler called cc (Debian, Ubuntu: apt install gcc libc6-dev)"
    if CORES < 2:
        return "needs two cores, one for the server and one for its subscribers"
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < FILES:
        return f"needs {FILES:,} open files; ulimit -Hn says {most:,}"
    return ""


@dataclass(frozen=True)
class Server:
    """A running server; redis: the port it takes its events from, 0 if its subscribers publish."""

    pid: int
    port: int
    redis: int
    wsload: Path

    def run(self, subscribers: int, events: int, *, window: int = 1, rate: float = 0) -> dict[str, float]:
        """Connect subscribers of one channel, send them events, and return what `wsload` found."""
        path = f"/app/{settings().pusher_app_key}?protocol=7"
        words = [self.port, path, self.pid, self.redis, subscribers, events, window, rate]
        with pinned(LOAD_CORE):
            done = subprocess.run([self.wsload, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        found: dict[str, float] = json.loads(done.stdout)
        return found


class Servers:
    """Starts them; each may stand idle beside the one that is measured."""

    def __init__(self, ground: Ground, crew: Crew) -> None:
        self._crew, self._folder, self._redis = crew, ground.folder, ground.redis
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else most, most))
        for thread in psutil.Process(ground.redis.pid).threads():
            os.sched_setaffinity(thread.id, {LOAD_CORE})
        with Redis.from_url(ground.redis.url) as client:
            client.set(LIFE, "benchmark")

    def ours(self) -> Server:
        """The service itself. Its events are entries of the stream, as the relay writes them."""
        with pinned(SERVER_CORE):
            pid = self._crew.start("realtime", ["services.realtime"])
        return self._server(pid, settings().realtime_port, self._redis.port)

    def raw(self, *words: str) -> Server:
        port = free_port()
        with pinned(SERVER_CORE):
            pid = self._crew.run("raw", [self._compiled("rawfan"), str(port), *words], {})
        return self._server(pid, port)

    def peer(self, name: str) -> Server:
        port = free_port()
        with pinned(SERVER_CORE):
            pid = self._crew.start(name, [f"benchmarks.peers.{name}", str(port)])
        return self._server(pid, port)

    def _server(self, pid: int, port: int, redis: int = 0) -> Server:
        wait_until(self._crew, lambda: listens(port))
        return Server(pid, port, redis, Path(self._compiled("wsload")))

    def _compiled(self, name: str) -> str:
        program = self._folder / name
        if not program.exists():
            subprocess.run(["cc", "-O2", "-o", program, SOURCES / f"{name}.c"], check=True)
        return str(program)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started meanwhile stays on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
