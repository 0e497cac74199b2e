"""A real supervisord with the worker units of a house, so that the page can kill one and see it come back."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.config import ROOT
from tests.house import QUEUES
from tests.waiting import wait_until

#: As supervisord.conf has it; its paths are the test's own.
CONFIGURED = """
[supervisord]
nodaemon=true
silent=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[program:worker-fast]
command={python} -m services.worker run --unit fast-%(process_num)d --queues {queues} --threads 4
directory={root}
process_name=%(program_name)s-%(process_num)d
numprocs=2
numprocs_start=1
autorestart=true
startretries=1000000
stopasgroup=true
stopwaitsecs=15
stdout_logfile={folder}/%(program_name)s-%(process_num)d.log
redirect_stderr=true
"""


@contextmanager
def socket_path() -> Iterator[Path]:
    """Where it can listen: the operating system takes short paths only."""
    folder = Path(tempfile.mkdtemp(prefix="taboor-"))
    yield folder / "supervisor.sock"
    shutil.rmtree(folder)


@contextmanager
def supervised_workers(folder: Path, socket: Path) -> Iterator[None]:
    """Two units under a supervisord, with this process's environment."""
    configuration = folder / "supervisord.conf"
    words = {"folder": folder, "socket": socket, "python": sys.executable, "root": ROOT, "queues": QUEUES}
    configuration.write_text(CONFIGURED.format(**words))
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        wait_until(socket.exists)
        yield
    finally:
        process.terminate()
        process.wait(30)
