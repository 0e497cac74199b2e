"""Trying many jobs again by one request: a page of some hundred in one transaction, with its line of the audit."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Session

from services.api.caller import CallerOf
from services.api.schemas.jobs import Refusal, Retried
from shared.db.reads.jobs import AT_ONCE
from shared.db.sql import audit
from shared.jobs import operators


def page_of(caller: CallerOf, find: Callable[[Session], list[UUID]]) -> list[UUID]:
    """Return the ids that a reading finds, for operators."""
    with caller.reading(operator=True) as session:
        return find(session)


def retried(  # noqa: PLR0913 - what is done, and what is said of it
    caller: CallerOf, ids: list[UUID], states: Sequence[str], *, action: str, subject: str, said: dict[str, Any]
) -> Retried:
    """Try again those that are still in one of these states. said: what the audit keeps of the request."""
    with caller.transaction(operator=True) as tx:
        answers = operators.retry(tx, operators.still(tx, ids, states), "retried by an operator")
        done = [job for job, refused in answers.items() if refused is None]
        audit.write(tx, caller.user_id, action, subject, {"request": said, "retried": [str(job) for job in done]})
    refused = [Refusal(id=job, reason=why) for job, why in answers.items() if why is not None]
    return Retried(retried=len(done), refused=refused, next_cursor=ids[-1] if len(ids) == AT_ONCE else None)
