"""What operators ask about queues; pause and resume them."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.caller import Caller, CallerOf
from services.api.database import again
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.schemas.queues import PauseQueue, Queue, Queues
from services.api.views_of_jobs import queue_of
from shared.db.reads import queues
from shared.db.sql import audit
from shared.jobs import operations

router = APIRouter(prefix="/queues", tags=["jobs"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


@router.get("", responses=problems(401, 403))
def list_queues(caller: Caller) -> Queues:
    """Return the queues that have open jobs, a live unit, or a pause (operators)."""
    with caller.reading(operator=True) as session:
        found = queues.all_known(session)
    return Queues(items=[queue_of(queue) for queue in found])


@router.post("/{name}/pause", responses=problems(400, 401, 403, 413, 422))
@again
def pause_queue(name: Name, wanted: PauseQueue, caller: Caller) -> Queue:
    """Let nothing of a queue start any more; what runs goes on. Again it changes who and why (operators)."""
    with caller.transaction(operator=True) as tx:
        operations.pause(tx, name, audit.name_of(tx, caller.user_id), wanted.reason)
        audit.write(tx, caller.user_id, "queue.pause", f"queue {name}", {"reason": wanted.reason})
    return _shown(caller, name)


@router.post("/{name}/resume", responses=problems(401, 403, 409, 422))
@again
def resume_queue(name: Name, caller: Caller) -> Queue:
    """Let a queue go on (operators)."""
    with caller.transaction(operator=True) as tx:
        if not operations.resume(tx, name):
            raise Problem(409, "refused", "It is not paused.")
        audit.write(tx, caller.user_id, "queue.resume", f"queue {name}")
    return _shown(caller, name)


def _shown(caller: CallerOf, name: str) -> Queue:
    with caller.reading(operator=True) as session:
        return queue_of(queues.one(session, name))
