"""Free loopback ports: each worker of a test run has a range of its own, below what Linux gives away by itself."""

import os
import random
import socket

FIRST, EACH, RANGES = 24_000, 1000, 8
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = range(FIRST + WORKER % RANGES * EACH, FIRST + (WORKER % RANGES + 1) * EACH)

# Another run on this machine begins elsewhere in the range; this one gives no port twice before all others had a turn.
_left: list[int] = []


def free_port() -> int:
    """Return a port that nobody listens on, and that was not given to anybody just now."""
    for _ in PORTS:
        if not _left:
            _left.extend(random.sample(PORTS, len(PORTS)))
        if _is_free(port := _left.pop()):
            return port
    raise AssertionError(f"no free port in {PORTS}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: what a client left does not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
