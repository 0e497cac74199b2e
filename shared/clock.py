"""The one clock of Python code: UTC, aware. (The ledger's clock is PostgreSQL's, the same for every host.)"""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
