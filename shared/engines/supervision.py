"""supervisord as a child of ours: started, asked how its programs are, stopped, and no process left behind."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from shared.engines.process import die_with_parent

LONGEST_SOCKET = 107 - len(".4194304")  # the operating system's limit, less the process number that supervisord adds
ENGINES = ("postgres", "redis")
NO_ANSWER = (OSError, http.client.HTTPException, xmlrpc.client.Fault)


class Supervisor:
    """Everything in `supervisord.conf`, in a session of its own so that Ctrl-C reaches us alone."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._socket = root / "var" / "supervisor.sock"
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET:
            raise SystemExit(f"The path of this folder is too long for a socket in it; move it: {root}")
        self._socket.unlink(missing_ok=True)  # a killed supervisord leaves it
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", "supervisord.conf"]
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            cwd=root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, signal.SIGTERM),  # noqa: PLW1509 - the demo has one thread
        )

    def programs(self) -> dict[str, str]:
        """Return each program's state, or nothing while supervisord itself does not answer."""
        try:
            return {program["name"]: program["statename"] for program in self._rpc("getAllProcessInfo")}
        except NO_ANSWER:
            return {}

    def start_all(self) -> None:
        """Start what does not start by itself."""
        do_wait = False  # we look ourselves
        self._rpc("startAllProcesses", do_wait)

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Return when supervisord has ended."""
        self._process.wait()

    def stop(self, within: float = 60) -> None:
        """Stop the services at once, then the engines under them; whatever is left after that is killed."""
        do_wait = False  # all at the same time
        with contextlib.suppress(*NO_ANSWER):
            for group in {program["group"] for program in self._rpc("getAllProcessInfo")} - set(ENGINES):
                self._rpc("stopProcessGroup", group, do_wait)
        if self.alive():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(within)
        self._kill_the_rest()

    def _kill_the_rest(self) -> None:
        """Kill what is left of the session, until nothing is: also what supervisord lost when it was killed itself."""
        while rest := list(self._session()):
            for process in rest:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.02)
        self._process.wait()

    def _session(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):  # gone, or another user's
                if os.getsid(process.pid) == self._process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def _rpc(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)
