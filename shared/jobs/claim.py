"""Take jobs that were handed over: `queued → running`, by one statement for as many as there are free threads."""

from collections.abc import Sequence
from uuid import UUID

from shared.config import settings
from shared.db.engine import Connection
from shared.jobs import sql
from shared.jobs.running import Claimed


def claim(connection: Connection, worker: str, ids: Sequence[UUID], *, alone: bool = False) -> list[Claimed]:
    """Return the attempts that `worker` may now make; an id that does not come back is a duplicate, or see below.

    alone: also take a job that has lost a lease before. It may be what kills its workers, so that it runs alone.
    """
    statement = sql.CLAIM_ALONE if alone else sql.CLAIM
    parameters = {"worker": worker, "lease": settings().lease_seconds, "ids": list(ids)}
    return [Claimed(*row) for row in connection.execute(statement, parameters)]


def unclaimed(connection: Connection, ids: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """Of ids that a claim did not return: those to be claimed alone, and those whose queue is paused."""
    rows = connection.execute(sql.UNCLAIMED, (list(ids),)).fetchall()
    return [row.id for row in rows if not row.paused], [row.id for row in rows if row.paused]


def take_back(connection: Connection, ids: Sequence[UUID], seconds: float = 0) -> None:
    """`queued → scheduled`: the relay hands them over again when it is their turn, after some seconds."""
    if ids:
        connection.execute(sql.TAKE_BACK_FOR, {"ids": list(ids), "seconds": seconds})
