"""A relay or a worker unit that knows the tests' jobs: `relay`, or `unit NAME QUEUES THREADS`."""

import signal
import sys
from typing import Any

from services.worker.relay import Relay
from services.worker.unit import Unit
from tests import ledger_jobs

assert ledger_jobs.do_nothing


def main(what: str, *arguments: str) -> None:
    process: Any = Relay({}) if what == "relay" else Unit(arguments[0], arguments[1].split(","), int(arguments[2]))
    signal.signal(signal.SIGTERM, lambda *_: process.stop())
    process.run()


main(*sys.argv[1:])
