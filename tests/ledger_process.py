"""A relay or a worker unit that knows the tests' jobs: `relay`, or `unit NAME QUEUES THREADS STOP_WITHIN`."""

import signal
import sys
from typing import Any

import tests.ledger_core_jobs  # noqa: F401 - to be known is all they need
from services.worker.relay import Relay
from services.worker.unit import Unit
from shared.engines.process import die_with_parent
from tests.ledger_jobs import LISTENERS


def main(what: str, *arguments: str) -> None:
    process: Any = Relay(LISTENERS)
    if what == "unit":
        name, queues, threads, stop_within = arguments
        process = Unit(name, queues.split(","), int(threads), float(stop_within))
    signal.signal(signal.SIGTERM, lambda *_: process.stop())
    process.run()


die_with_parent(signal.SIGKILL)
main(*sys.argv[1:])
