"""What operators ask about batches, and do to them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.api.caller import Caller, CallerOf
from services.api.database import again
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.retrying import page_of, retried
from services.api.routes.orders import Cursor, Limit
from services.api.schemas.batches import BatchDetail, Batches
from services.api.schemas.jobs import Retried, Word
from services.api.views_of_jobs import batch_of, whole_batch_of
from shared.db.reads import batches, jobs
from shared.db.sql import audit
from shared.jobs.batch import cancel_batch as cancel
from shared.jobs.operations import ENDED

router = APIRouter(prefix="/batches", tags=["jobs"])

Name = Annotated[Word | None, Query()]
Open = Annotated[bool, Query(alias="open", description="only those that have not ended")]
Running = Annotated[bool, Query(description="also the members that run")]


@router.get("", responses=problems(401, 403, 422))
def list_batches(
    caller: Caller, name: Name = None, cursor: Cursor = None, limit: Limit = 20, *, still_open: Open = False
) -> Batches:
    """Return the newest first (operators)."""
    with caller.reading(operator=True) as session:
        rows = batches.page(session, name, still_open=still_open, before=cursor, limit=limit + 1)
    page = [batch_of(row) for row in rows[:limit]]
    return Batches(items=page, next_cursor=page[-1].id if len(rows) > limit else None)


@router.get("/{batch_id}", responses=problems(401, 403, 404, 422))
def show_batch(batch_id: UUID, caller: Caller) -> BatchDetail:
    """Return a batch: how far it is, how its members stand, and what its end calls (operators)."""
    return _shown(caller, batch_id)


@router.post("/{batch_id}/cancel", responses=problems(401, 403, 404, 409, 422))
@again
def cancel_batch(batch_id: UUID, caller: Caller, *, running: Running = False) -> BatchDetail:
    """Cancel a batch: none of its members starts any more (operators)."""
    state = _shown(caller, batch_id).state
    with caller.transaction(operator=True) as tx:
        if not cancel(tx, batch_id, "cancelled by an operator", also_running=running):
            raise Problem(409, "refused", f"It cannot be cancelled: it is {state}.")
        audit.write(tx, caller.user_id, "batch.cancel", f"batch {batch_id}", {"running": running})
    return _shown(caller, batch_id)


@router.post("/{batch_id}/retry", responses=problems(401, 403, 404, 422))
@again
def retry_batch(batch_id: UUID, caller: Caller, cursor: Cursor = None) -> Retried:
    """Try again members that failed or were cancelled, some hundred at a time; `next_cursor` goes on (operators)."""
    _shown(caller, batch_id)
    ids = page_of(caller, lambda session: jobs.to_retry(session, batch_id, cursor))
    subject = f"batch {batch_id}"
    return retried(caller, ids, ENDED, action="batch.retry", subject=subject, said={"cursor": cursor})


def _shown(caller: CallerOf, batch_id: UUID) -> BatchDetail:
    with caller.reading(operator=True) as session:
        whole = batches.one(session, batch_id)
    if whole is None:
        raise Problem(404, "not_found", "There is no such batch.")
    return whole_batch_of(whole)
