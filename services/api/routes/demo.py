"""Break something (demo only): kill a process, wipe Redis. The supervisors and the ledger put it right."""

import contextlib
import http.client
import os
import signal
import xmlrpc.client
from typing import Annotated, Any

import redis
from fastapi import APIRouter, BackgroundTasks, Path

from services.api.caller import Caller
from services.api.problems import Problem
from shared.config import ROOT, settings

SOCKET = ROOT / "var" / "supervisor.sock"

router = APIRouter(prefix="/demo", include_in_schema=False)


@router.post("/crash/{process}")
def crash(
    process: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")], caller: Caller, afterwards: BackgroundTasks
) -> dict[str, Any]:
    """Send SIGKILL to a program of supervisord.conf, by its name or its family's: `relay-1`, `worker-fast`."""
    with caller.transaction():
        pass  # signed in: another site's script cannot be, and a browser would let it post here
    running = [one for one in _programs() if process in (one["name"], one["group"]) and one["pid"]]
    if not running:
        raise Problem(404, "not_found", f"No process {process} runs under a supervisor here.")
    afterwards.add_task(_kill, running[0]["pid"])  # it may be this very process: let it answer first
    return {"killed": running[0]["name"], "pid": running[0]["pid"]}


@router.post("/redis/wipe")
def wipe_redis(caller: Caller) -> dict[str, str]:
    """Forget everything that Redis knows."""
    with caller.transaction():
        pass
    try:
        with redis.Redis.from_url(settings().redis_url, socket_timeout=5, socket_connect_timeout=1) as client:
            client.flushall()
    except redis.RedisError as error:
        raise Problem(503, "unavailable", "Redis does not answer.") from error
    return {"wiped": "redis"}


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it died by itself: as good
        os.kill(pid, signal.SIGKILL)


def _programs() -> list[dict[str, Any]]:
    """Ask supervisord what it runs; nothing where there is none, as in containers."""
    from supervisor.xmlrpc import SupervisorTransport  # noqa: PLC0415 - slow to import, and only needed here

    transport = SupervisorTransport(None, None, f"unix://{SOCKET}")
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            programs: Any = server.supervisor.getAllProcessInfo()
            return list(programs)
    except (OSError, http.client.HTTPException):
        return []
