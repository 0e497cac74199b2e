"""An upload for the terminal, in one go: `curl -T clip.mp4 -H "Authorization: Bearer $TOKEN" …/videos/`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from services.api import uploads_rows as rows
from services.api.caller import Caller, CallerOf
from services.api.filenames import shown
from services.api.middleware import note
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.schemas.videos import Video
from services.api.uploads_going_on import writing
from services.api.uploads_headers import announced
from services.api.uploads_receiving import CUT, Intake, on_disk
from services.api.uploads_rows import Upload
from services.api.views_of_videos import just_uploaded

#: Nobody can go on with such an upload: if its API is killed, it is forgotten soon.
KEPT_SECONDS = 300.0
BODY = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "It is here, and will be processed.", "headers": {"Location": {"schema": {"type": "string"}}}}
}
#: OpenAPI wants one word for what stands in this place of a path; elsewhere it is a video's id.
Filename = Annotated[str, Path(description="here: what the new video is to be called")]

router = APIRouter(tags=["videos"])


@router.put(
    "/videos/{video}",
    status_code=202,
    responses=ACCEPTED | problems(400, 401, 403, 404, 408, 411, 413, 422, 429, 507),
    openapi_extra=BODY,
)
async def upload_video(video: Filename, request: Request, response: Response, caller: Caller) -> Video:
    """Upload a whole video as the body; each request makes a new one."""
    size = announced(request)
    if size is None:
        raise Problem(411, "length_required", "Send `Content-Length`; or use /uploads.")
    if size == 0:
        raise Problem(422, "empty", "The body is empty.")
    upload = await run_in_threadpool(rows.begin, caller, shown(video), size, KEPT_SECONDS)
    note(video=str(upload.id))
    async with _all_or_nothing(caller, upload), writing(upload) as file:
        await Intake(request.receive, file, 0, size, lambda: rows.keep(caller.database, upload)).run()
        if file.size() < size:
            raise Problem(400, CUT, "The body ended early.")
        await on_disk(file.sync)
        uploaded = await run_in_threadpool(rows.finish, caller.database, upload.id)
    response.headers["Location"] = f"/videos/{uploaded.id}"
    return just_uploaded(uploaded)


@asynccontextmanager
async def _all_or_nothing(caller: CallerOf, upload: Upload) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await run_in_threadpool(rows.give_up, caller.database, upload.id)  # changes nothing if it is a video already
        raise
