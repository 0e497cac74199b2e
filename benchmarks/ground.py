"""The ground a benchmark stands on: engines of its own with durable commits, fresh databases, processes to weigh."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from redis import Redis

from shared.config import ROOT, settings
from shared.db.engine import Connection, close_thread_connection, connect
from shared.db.migrate import upgrade
from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer

TEMPLATE = "template_for_benchmarks"
NOTHING_HAPPENS_LATER = {"DEMO_SHIPS_AFTER_SECONDS": "3600", "RESERVATION_SECONDS": "3600"}
FOREIGN = ("STRIPE_", "TWILIO_", "PUSHER_", "SMTP_", "PG", "DATABASE_URL", "REDIS_URL", "TABOOR_")


class Ground:
    """`with Ground() as ground:`; everything of it is gone afterwards."""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="taboor-benchmarks-"))
        self.folder.chmod(0o755)  # PostgreSQL may run as another user
        self.postgres = PostgresServer(self.folder / "postgres", free_port())
        self.redis = RedisServer(self.folder / "redis", free_port())
        self.postgres.start()
        self.redis.start()
        self._number = 0
        self._admin = psycopg.connect(self.postgres.url, autocommit=True)
        self._admin.execute(f"create database {TEMPLATE}")
        upgrade(self.postgres.url_of(TEMPLATE))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()
        self.redis.stop()
        self.postgres.stop()
        if (elsewhere := self.folder / "postgres" / "elsewhere").exists():
            shutil.rmtree(elsewhere.resolve())
        shutil.rmtree(self.folder)

    def database(self) -> str:
        """Return the URL of a new, migrated, empty database."""
        self._number += 1
        name = f"benchmark_{self._number}"
        self._admin.execute(f"create database {name} template {TEMPLATE}")
        return self.postgres.url_of(name)

    @contextmanager
    def living(self, database_url: str | None = None, **more: object) -> Iterator[Connection]:
        """Let this process, and those it starts, live with a database (a new one), an empty Redis and `more`."""
        with Redis.from_url(self.redis.url) as client:
            client.flushall()
        before = dict(os.environ)
        for name in [name for name in before if name.startswith(FOREIGN)]:
            del os.environ[name]
        here = {"DATABASE_URL": database_url or self.database(), "REDIS_URL": self.redis.url, **NOTHING_HAPPENS_LATER}
        os.environ.update(here | {name.upper(): str(value) for name, value in more.items()})
        settings.cache_clear()
        try:
            with connect() as connection:
                yield connection
        finally:
            close_thread_connection()
            os.environ.clear()
            os.environ.update(before)
            settings.cache_clear()

    def engines_cpu(self) -> dict[str, float]:
        """Return the CPU seconds of the engines so far, with those of PostgreSQL's ended sessions."""
        return {"PostgreSQL": cpu_seconds(self.postgres.pid), "Redis": cpu_seconds(self.redis.pid)}


class Crew:
    """Processes of the system, started for one run; `with Crew(ground) as crew:`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._before = self._seconds()

    def start(self, kind: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Start `python -m …`; kind: under which name its CPU is counted. Returns its process number."""
        log = self._ground.folder / f"{kind.replace(' ', '-')}-{len(self._processes)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._processes.append((kind, process))
        return process.pid

    def run(self, kind: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start any other program. Returns its process number."""
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        self._processes.append((kind, process))
        return process.pid

    def zero(self) -> None:
        """Weigh from now on: what it took to start is not counted."""
        self._before = self._seconds()

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds since `zero()`, or since the start, by kind; the engines' too."""
        return {kind: seconds - self._before.get(kind, 0.0) for kind, seconds in self._seconds().items()}

    def _seconds(self) -> dict[str, float]:
        seconds: dict[str, float] = defaultdict(float, self._ground.engines_cpu())
        for kind, process in self._processes:
            seconds[kind] += cpu_seconds(process.pid)
        return dict(seconds)

    def check(self) -> None:
        """Raise if one of them has died."""
        for kind, process in self._processes:
            if process.poll() is not None:
                logs = sorted(self._ground.folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
                raise RuntimeError(f"{kind} ended: {logs[-1].read_text(errors='replace')[-3000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in self._processes:
            process.terminate()
        for _, process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, its children, and those children that it has waited for."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def wait_until(crew: Crew, fact: Callable[[], object], within: float = 120, every: float = 0.05) -> None:
    """Wait for a fact while the crew lives."""
    deadline = time.monotonic() + within
    while not fact():
        crew.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:g} s")
        time.sleep(every)
