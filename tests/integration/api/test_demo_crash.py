"""A process is crashed by its name, and whoever has the name wrong is told which there are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.engines.redis import RedisServer
from tests.api import ApiProcess, problem
from tests.supervisord import CONFIGURED, socket_path
from tests.waiting import wait_until

#: Two programs that do nothing, for as long as they are let.
SLEEPERS = """
[program:relay]
command=sleep 600
process_name=%(program_name)s-%(process_num)d
numprocs=2
numprocs_start=1
autorestart=true
startsecs=0
"""


@pytest.fixture
def supervised(tmp_path: Path, shop_url: str, redis: RedisServer) -> Iterator[ApiProcess]:
    """An API whose supervisord keeps two sleepers."""
    with socket_path() as socket:
        configuration = tmp_path / "supervisord.conf"
        head = CONFIGURED.partition("[program:")[0].format(folder=tmp_path, socket=socket)
        configuration.write_text(head + SLEEPERS)
        process = subprocess.Popen([sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)])
        try:
            wait_until(socket.exists)
            with ApiProcess(tmp_path, shop_url, redis.url, {**os.environ, "SUPERVISOR_SOCKET": str(socket)}) as api:
                yield api
        finally:
            process.terminate()
            process.wait(30)


def test_a_process_is_crashed_by_its_name_and_a_wrong_name_is_answered_with_the_right_ones(
    supervised: ApiProcess,
) -> None:
    # Given
    layla = supervised.customer()

    def pid_of(name: str) -> int | None:
        items = layla.get("/demo/processes").json()["items"]
        return next((item["pid"] for item in items if item["name"] == name), None)

    before = wait_until(lambda: pid_of("relay-1") if pid_of("relay-2") else None)
    # When / Then
    refused = problem(layla.post("/demo/crash/nonsense"), 404, "not_found")
    assert refused["detail"] == ("No process nonsense runs under a supervisor here; these do: relay-1, relay-2.")
    # And by a right one it dies, and comes back
    assert layla.post("/demo/crash/relay-1").json() == {"killed": "relay-1", "pid": before}
    wait_until(lambda: pid_of("relay-1") not in (None, before))
