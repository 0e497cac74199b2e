"""A relay or a worker unit as a benchmark wants it: `relay [rows]`, `unit NAME QUEUES THREADS [rows]`.

rows: gateway, mail server and carrier are replaced by a row in a table, which is all that the peer does.
"""

import signal
import sys
from typing import Any

import benchmarks.jobs
import benchmarks.same  # noqa: F401 - a unit knows the jobs that were imported
from services.worker.listeners import LISTENERS
from shared.engines.process import die_with_parent
from shared.telemetry.logging import configure


def main(what: str, *arguments: str) -> None:
    configure(what)
    if arguments[-1:] == ("rows",):
        from benchmarks import doubles  # noqa: PLC0415 - only where they are wanted

        doubles.install()
    process: Any
    if what == "relay":
        from services.worker.relay import Relay  # noqa: PLC0415 - each needs its own half

        process = Relay(LISTENERS)
    else:
        from services.worker.unit import Unit  # noqa: PLC0415 - as above

        name, queues, threads = arguments[:3]
        process = Unit(name, queues.split(","), int(threads))
    signal.signal(signal.SIGTERM, lambda *_: process.stop())
    process.run()


die_with_parent(signal.SIGKILL)
main(*sys.argv[1:])
