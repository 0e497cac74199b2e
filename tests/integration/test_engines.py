"""The embedded engines are real, and survive what the proofs do to them."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from shared.config import ROOT
from shared.engines.binaries import ffmpeg, ffprobe
from shared.engines.postgres import PostgresServer
from shared.engines.process import Engine
from shared.engines.redis import RedisServer
from tests.ports import free_port
from tests.waiting import wait_until


def write_name(server: PostgresServer, name: str) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS customers (name text)")
        connection.execute("INSERT INTO customers VALUES (%s)", [name])


def names(server: PostgresServer) -> list[str]:
    with psycopg.connect(server.url) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM customers")]


def test_postgres_is_durable_speaks_arabic_and_takes_200_clients(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(
            """SELECT current_setting('fsync'), current_setting('synchronous_commit'),
                      current_setting('full_page_writes'), current_setting('max_connections'),
                      current_setting('server_version_num')::int >= 160000, length('ليلى')"""
        ).fetchone()
    assert row == ("on", "on", "on", "200", True, 4)


def test_what_was_committed_survives_the_death_of_the_postmaster(engines_folder: Path) -> None:
    # Given a server of this test's own that has remembered ليلى
    with PostgresServer(engines_folder / "postgres-to-kill", free_port()) as server:
        write_name(server, "ليلى")
        first = server.pid
        # When its postmaster is killed under a connected client, and it is started again
        with psycopg.connect(server.url):
            server.kill()
            server.start()
        # Then another process answers, and remembers
        assert server.pid != first
        assert names(server) == ["ليلى"]


def test_a_second_start_finds_the_data_of_the_first(engines_folder: Path) -> None:
    folder, port = engines_folder / "postgres-to-restart", free_port()
    with PostgresServer(folder, port) as server:
        write_name(server, "Omar")
    with PostgresServer(folder, port) as server:
        assert names(server) == ["Omar"]


def test_redis_evicts_nothing_and_remembers_after_a_kill(engines_folder: Path) -> None:
    with RedisServer(engines_folder / "redis-to-kill", free_port()) as server:
        with Redis.from_url(server.url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            client.set("walnut-desk", "12")
            assert client.waitaof(1, 0, 3000)[0] == 1  # everysec has written
        server.kill()
        assert not server.answers()
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.get("walnut-desk") == b"12"


def test_a_stopped_engine_leaves_no_process(engines_folder: Path) -> None:
    engines: list[Engine] = [
        PostgresServer(engines_folder / "postgres-to-stop", free_port()),
        RedisServer(engines_folder / "redis-to-stop", free_port()),
    ]
    for server in engines:
        with server:
            assert server.alive()
            assert server.answers()
        assert not server.alive()
        assert not server.answers()


def test_no_engine_outlives_the_process_that_started_it(engines_folder: Path) -> None:
    # Given a process that starts a Redis and then is killed
    folder, port = engines_folder / "redis-orphan", free_port()
    script = f"""
import os, signal, pathlib
from shared.engines.redis import RedisServer
server = RedisServer(pathlib.Path({str(folder)!r}), {port})
server.start()
print("started", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    # When it has run
    starter = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert starter.stdout == "started\n"
    # Then its Redis ends too
    wait_until(lambda: not RedisServer(folder, port).answers())


def test_ffmpeg_and_ffprobe_answer() -> None:
    for program in (ffmpeg(), ffprobe()):
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
        assert answer.startswith(f"{program.name.split('-')[0]} version")


def test_each_test_has_an_empty_redis(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_whatever_the_last_test_left_in_it(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.get("left") is None


def test_each_test_has_a_migrated_database_of_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        connection.execute("CREATE TABLE left_behind ()")


def test_in_which_nothing_of_another_is_left(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('left_behind')").fetchone() == (None,)


@pytest.mark.usefixtures("database_url")
def test_a_test_may_kill_the_shared_engines(postgres: PostgresServer, redis: RedisServer) -> None:
    postgres.kill()
    redis.kill()
    assert not postgres.alive()
    assert not redis.alive()


def test_and_the_next_one_finds_them_running(database_url: str, redis_url: str) -> None:
    with psycopg.connect(database_url) as connection, Redis.from_url(redis_url) as client:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert client.ping()
