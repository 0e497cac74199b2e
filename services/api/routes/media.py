"""A finished video's files, for players: whoever has a token gets the files of one generation, and no others."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.api import media_files, media_tokens
from services.api.caller import TheDatabase
from services.api.file_answer import FileAnswer
from services.api.middleware import note
from services.api.openapi import problems
from services.api.problems import Problem
from shared.db.reads import videos
from shared.domain.videos import media_path

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_CONTENT = dict.fromkeys(media_files.KINDS.values(), _BINARY)
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": _CONTENT},
    206: {"description": "The part that `Range` asks for.", "content": {**_CONTENT, "multipart/byteranges": _BINARY}},
    304: {"description": "What the browser has is still good."},
    **problems(403, 404, 416, 422),
}

router = APIRouter(prefix=media_tokens.PREFIX, tags=["videos"])


@router.get("/{token}/{path:path}", response_class=Response, responses=RESPONSES)
@router.head("/{token}/{path:path}", response_class=Response, responses=RESPONSES, name="media_head")
def media(token: str, path: str, request: Request, database: TheDatabase) -> Response:
    """Return a file of a video; `POST /videos/{id}/playback` gives the addresses."""
    note(path=f"{media_tokens.PREFIX}/…/{path}")  # whoever reads the log is not to have the token
    allowed = media_tokens.read(token)
    if allowed is None or not media_files.is_known(path):
        raise _none()
    note(video=str(allowed.video_id))
    if allowed.seconds_left <= 0:
        raise Problem(403, "expired", "This address has expired; ask for another.")
    with database.reading() as session:
        if not videos.is_there(session, allowed.video_id):
            raise _none()
    found = media_files.opened(media_path(allowed.video_id, allowed.generation), path)
    if found is None:
        raise _none()
    kept = f"private, max-age={allowed.seconds_left}{', immutable' if found.for_good else ''}"
    return FileAnswer(found, request, kept)


def _none() -> Problem:
    return Problem(404, "not_found", "There is no such file, or not any more.")
