"""Look at a source without trusting it: a plan, or the reason why it is refused."""

from pathlib import Path

from services.worker.ffmpeg.plan import Plan


def probe(source: Path) -> Plan:
    """Return what is to be made of a source; raise Refused for good, Trouble if trying again may help."""
    raise NotImplementedError(source)
