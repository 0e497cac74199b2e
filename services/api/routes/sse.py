"""Listening without a socket: Server-Sent Events that go on where they broke off, for curl and for scripts.

curl -N -H "Authorization: Bearer $TOKEN" "http://localhost:8000/sse?channel=orders.$ORDER_ID"
"""

from typing import Annotated

import psycopg
from fastapi import APIRouter, Header, Query
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.api.caller import Caller, CallerOf
from services.api.following import Follower
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.schemas.broadcasting import MOST_POSITION
from services.api.streams import EventStream
from shared.broadcasting.channels import may_listen

MOST_CHANNELS = 10
PRIVATE = "private-"
#: Nothing that is said there is kept: a stream of facts would be silent for ever.
SIGNALS_ONLY = {"products", "queues"}

router = APIRouter(tags=["broadcasting"])

Name = Annotated[str, Query(pattern=r"^[-a-zA-Z0-9_=@,.;]{1,156}$")]
Channels = Annotated[
    list[Name],
    Query(
        min_length=1,
        max_length=MOST_CHANNELS,
        description="private channels, as Echo names them: `orders.{id}`; with or without `private-`",
    ),
]
After = Annotated[int | None, Query(ge=0, le=MOST_POSITION, description="go on after this `event_id`")]
LastEventId = Annotated[
    int | None,
    Header(alias="Last-Event-ID", ge=0, le=MOST_POSITION, description="the same, as an EventSource says it"),
]

STREAM = {
    "description": "Events, each with its position as `id:`. `resume_failed`: something is missing, fetch the truth. "
    "`session_ended`: the session, or the right to listen, has ended.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.get(
    "/sse",
    response_class=Response,
    responses={200: STREAM, **problems(400, 401, 403, 422, 429)},
)
async def listen(
    request: Request,
    caller: Caller,
    channel: Channels,
    after: After = None,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Hear the facts of some private channels, in order and each once; a comment comes at least every 15 s.

    Signals (what is left of a product, how far a video is, which job ended) are not kept, and are heard at the realtime
    service only.
    """
    names = list(dict.fromkeys(PRIVATE + name.removeprefix(PRIVATE) for name in channel))
    if silent := SIGNALS_ONLY.intersection(name.removeprefix(PRIVATE) for name in names):
        raise Problem(422, "no_facts", f"Of {min(silent)} there are signals only: the realtime service tells them.")
    if not await run_in_threadpool(_may_listen, caller, names):
        raise Problem(403, "forbidden", "You may not listen to one of these channels.")
    since = after if last_event_id is None else last_event_id
    return EventStream(
        request.app.state.streams,
        caller.user_id,
        lambda: _may_go_on(caller, names),
        lambda: Follower(names, since, caller.session_id),
    )


def _may_listen(caller: CallerOf, names: list[str]) -> bool:
    with caller.reading() as session:
        return all(may_listen(session, caller, name) for name in names)


def _may_go_on(caller: CallerOf, names: list[str]) -> bool:
    """Ask again. While the database cannot say, who was let in stays."""
    try:
        return _may_listen(caller, names)
    except Problem:
        return False
    except (psycopg.Error, SQLAlchemyError):
        return True
