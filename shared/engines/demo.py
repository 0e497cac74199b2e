"""`make demo`: the whole system on this machine, and one link once everything in it answers."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import httpx

from shared.config import ROOT
from shared.engines import postgres, redis
from shared.engines.ports import PortTaken, check_free, chosen_ports, demo_environment
from shared.engines.process import die_with_parent
from shared.engines.supervision import Supervisor

VAR = ROOT / "var"
PATIENCE = 60.0  # seconds; a first start on a slow disk needs some of them
HEALTH = {
    "api": ("API_PORT", "/readyz"),
    "realtime": ("REALTIME_PORT", "/readyz"),
    "sandbox": ("SANDBOX_PORT", "/livez"),
}


class Asked(BaseException):
    """Somebody asked us to stop: Ctrl-C, a closed terminal, a signal."""


class DemoFailed(RuntimeError):
    """The demo did not come up; the message says which part, and its last words."""


def main() -> None:
    for asking in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asking, _stop)
    die_with_parent(signal.SIGTERM)
    try:
        with _only_one():
            ports = chosen_ports(os.environ)
            check_free(ports)
            _run(demo_environment(os.environ, ports))
    except (DemoFailed, PortTaken, PermissionError) as failure:
        raise SystemExit(f"\n{failure}") from failure
    except Asked:
        _say("Stopped. The data stays in var/ for the next start.")


def _run(environment: Mapping[str, str]) -> None:
    system = Supervisor(ROOT, environment)
    try:
        _say("Starting PostgreSQL and Redis …")
        _wait_for(system, lambda: _silent_engines(environment))
        _say("Migrating the database …")
        for step in ("upgrade", "seed"):
            _command(environment, "shared.db", step)
        _say("Starting the services …")
        system.start_all()
        _wait_for(system, lambda: _unhealthy(system, environment))
        _say(f"\n  Taboor runs:  {environment['PUBLIC_URL']}\n\n  Ctrl-C stops it. What each process says: var/log/")
        system.wait()
        raise DemoFailed("supervisord has ended by itself: see var/log/supervisord.log")
    finally:
        system.stop()


def _wait_for(system: Supervisor, missing: Callable[[], list[str]]) -> None:
    """Ask until nothing is missing; give up with the names of what is, and what they said last."""
    deadline = time.monotonic() + PATIENCE
    while names := missing():
        if not system.alive():
            raise DemoFailed(_last_words(["supervisord"]))
        if time.monotonic() > deadline:
            raise DemoFailed(_last_words(names))
        time.sleep(0.1)


def _silent_engines(environment: Mapping[str, str]) -> list[str]:
    checks = {
        "postgres": postgres.answers(environment["DATABASE_URL"]),
        "redis": redis.answers(environment["REDIS_URL"]),
    }
    return [name for name, answers in checks.items() if not answers]


def _unhealthy(system: Supervisor, environment: Mapping[str, str]) -> list[str]:
    states = system.programs()
    if not states:
        return ["supervisord"]
    down = [name for name, state in states.items() if state != "RUNNING"]
    return down or [name for name, (port, path) in HEALTH.items() if not _healthy(environment[port], path)]


def _healthy(port: str, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _command(environment: Mapping[str, str], module: str, *words: str) -> None:
    command = [sys.executable, "-m", module, *words]
    # In a group of its own: Ctrl-C reaches us alone, and we end it.
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), check=False, process_group=0)  # noqa: S603 - our own command, no shell
    if done.returncode != 0:
        raise DemoFailed(f"`python -m {module} {' '.join(words)}` failed; see above.")


def _last_words(names: list[str]) -> str:
    logs = [path for name in names for path in sorted((VAR / "log").glob(f"{name}.log"))]
    said = "\n".join(f"--- {log.relative_to(ROOT)}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)
    return f"Not up after {PATIENCE:.0f} s: {', '.join(names)}\n{said}"


@contextmanager
def _only_one() -> Iterator[None]:
    """Keep a second demo out of the same data."""
    (VAR / "log").mkdir(parents=True, exist_ok=True)
    with (VAR / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise DemoFailed("The demo runs already, from this folder: stop it there with Ctrl-C.") from taken
        yield


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Stop once: stopping takes a few seconds, and a second Ctrl-C must not leave half of it running."""
    for asking in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asking, signal.SIG_IGN)
    _say("\nStopping …")
    raise Asked


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
