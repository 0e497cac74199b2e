"""The jobs that only benchmarks have."""

import time

from shared.db.transaction import Transaction
from shared.jobs.job import job

STARTS = "create table if not exists starts (asked float8, started float8)"


@job(queue="default")
def do_nothing() -> None:
    """Nothing, as fast as it goes."""


@job(queue="default")
def note_start(tx: Transaction, asked: float) -> None:
    """Write down when it was asked for and when it began."""
    tx.execute("insert into starts values (%s, %s)", (asked, time.time()))
