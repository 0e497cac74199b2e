"""Dramatiq as it comes, beside which the ledger is measured: `python -m dramatiq benchmarks.stock -p 2 -t 8`."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from shared.config import settings

broker = RedisBroker(url=settings().redis_url)  # type: ignore[no-untyped-call]  # untyped there
dramatiq.set_broker(broker)


@dramatiq.actor
def do_nothing() -> None:
    """Nothing, as fast as it goes."""
