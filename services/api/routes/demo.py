"""Break something (demo only): kill a process, wipe Redis. The supervisors and the ledger put it right."""

import contextlib
import os
import signal
from datetime import UTC, datetime
from typing import Annotated, Any

import redis
from fastapi import APIRouter, BackgroundTasks, Path

from services.api import supervised
from services.api.caller import Caller
from services.api.problems import Problem
from services.api.routes import demo_books, demo_load, demo_sandbox
from services.api.schemas.demo import Process, Processes
from shared.config import settings

router = APIRouter(prefix="/demo", include_in_schema=False)
router.include_router(demo_sandbox.router)
router.include_router(demo_load.router)
router.include_router(demo_books.router)


@router.get("/processes")
def list_processes(caller: Caller) -> Processes:
    """Return the programs of supervisord.conf as they are now."""
    with caller.reading():
        pass
    found = supervised.programs()
    return Processes(supervised=bool(found), items=[_shown(one) for one in found])


@router.post("/crash/{process}")
def crash(
    process: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")], caller: Caller, afterwards: BackgroundTasks
) -> dict[str, Any]:
    """Send SIGKILL to a program of supervisord.conf, by its name or its family's: `relay-1`, `worker-fast`."""
    with caller.transaction():
        pass  # signed in: another site's script cannot be, and a browser would let it post here
    known = supervised.programs()
    running = [one for one in known if process in (one["name"], one["group"]) and one["pid"]]
    if not running:
        raise Problem(404, "not_found", f"No process {process} runs under a supervisor here; {_who(known)}.")
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


def _who(known: list[dict[str, Any]]) -> str:
    names = sorted(one["name"] for one in known if one["pid"])
    return f"these do: {', '.join(names)}" if names else "nothing does"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it died by itself: as good
        os.kill(pid, signal.SIGKILL)


def _shown(program: dict[str, Any]) -> Process:
    pid, started = program["pid"] or None, program["start"]
    started_at = datetime.fromtimestamp(started, UTC) if started else None
    return Process(
        name=program["name"], group=program["group"], state=program["statename"], pid=pid, started_at=started_at
    )
