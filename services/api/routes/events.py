"""The log of what happened: what was heard live can be read again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ValidationError

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.routes.audit import Cursor
from services.api.routes.orders import Limit
from services.api.schemas.events import RecordedEvent, RecordedEvents
from shared.broadcasting import keys
from shared.db.reads import events
from shared.db.tables.events import EventRow
from shared.events.catalogue import UnknownEvent, load

router = APIRouter(tags=["broadcasting"])

About = Annotated[UUID | None, Query(description="of this order or video, with its payment and notifications")]


@router.get("/events", responses=problems(401, 422))
def list_events(caller: Caller, about: About = None, cursor: Cursor = None, limit: Limit = 50) -> RecordedEvents:
    """Return the newest facts first: those of a customer's own orders and videos, an operator's all."""
    with caller.reading() as session:
        rows = events.page(session, caller.sees, about, cursor, limit + 1)
    page = [_shown(row) for row in rows[:limit]]
    return RecordedEvents(items=page, next_cursor=page[-1].position if len(rows) > limit else None)


def _shown(row: EventRow) -> RecordedEvent:
    return RecordedEvent.model_validate(row.model_dump() | {"channels": _channels(row)})


def _channels(row: EventRow) -> list[str]:
    """Return the channels that the fact names; none of a version of it that this code does not know."""
    try:
        names = load(row.name, row.version, row.payload).broadcast_on()
    except (UnknownEvent, ValidationError):
        return []
    return [name for name in names if not keys.ended_session(name)]  # nobody can listen to that one
