"""The peer: the lecture's ProcessOrder on Laravel's own queue, if PHP and Laravel are installed here.

On Debian: `apt install php-cli php-laravel-framework php-redis php-pgsql php-curl php-mbstring php-xml`.
"""

import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from redis import Redis

from benchmarks.ground import Crew, Ground, wait_until

ORDERS_PHP = Path(__file__).with_name("peers") / "orders.php"
LARAVEL = Path("/usr/share/php/Illuminate/autoload.php")
WORKERS = 2
CONFIRMED = "select count(*) from orders where status = 'confirmed'"
TOLD = "select count(*) from notifications"


def missing() -> bool:
    return shutil.which("php") is None or not LARAVEL.exists()


def drain(ground: Ground, orders: int) -> tuple[float, dict[str, float]]:
    """Return orders/s and CPU milliseconds an order, by kind."""
    url = urlsplit(ground.database())
    environment = {
        "DB_HOST": str(url.hostname),
        "DB_PORT": str(url.port),
        "DB_NAME": url.path[1:],
        "DB_USER": str(url.username),
        "DB_PASSWORD": str(url.password),
        "REDIS_PORT": str(ground.redis.port),
    }
    with psycopg.connect(url.geturl(), autocommit=True) as connection, Crew(ground) as crew:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
        _php(environment, "setup")
        _php(environment, "place", str(orders))
        for _ in range(WORKERS):
            crew.run("PHP", ["php", str(ORDERS_PHP), "work"], environment)
        client = Redis.from_url(ground.redis.url, db=3)
        wait_until(crew, lambda: _count(connection, CONFIRMED) > 0, every=0.002)
        began = time.monotonic()
        crew.zero()
        wait_until(crew, lambda: _count(connection, TOLD) == 2 * orders, every=0.02)
        seconds = time.monotonic() - began
        cpu = crew.cpu()
        client.flushdb()
    return orders / seconds, {kind: used * 1000 / orders for kind, used in cpu.items()}


def _php(environment: dict[str, str], *words: str) -> str:
    command = [str(shutil.which("php")), str(ORDERS_PHP), *words]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def _count(connection: psycopg.Connection[tuple[int]], question: str) -> int:
    row = connection.execute(question).fetchone()
    assert row
    return int(row[0])
