"""Resumable uploads by tus 1.0 (https://tus.io/protocols/resumable-upload): for tus-js-client, tuspy and the like."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.api import uploads_headers as headers
from services.api import uploads_rows as rows
from services.api.caller import Caller, CallerOf
from services.api.filenames import NAMELESS, shown
from services.api.middleware import note
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.uploads_going_on import go_on, offset_of
from services.api.uploads_receiving import CUT, too_much
from services.api.uploads_rows import Upload
from shared.config import settings

NO_STORE = {"Cache-Control": "no-store"}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


VERSION = _header("Tus-Resumable", "anything else is a 412") | {"schema": {"type": "string", "const": headers.VERSION}}
OFFSET = _header("Upload-Offset", "where the chunk begins: all that is there, and no more")
CHECKSUM = _header("Upload-Checksum", "`sha1`, `sha256` or `md5`, and the chunk's checksum in Base64")
LENGTH = _header("Upload-Length", "bytes of the whole file")
METADATA = _header("Upload-Metadata", "pairs of a key and Base64, by comma; `filename` is shown to its owner")
CHUNK = {headers.CHUNK: {"schema": {"type": "string", "format": "binary"}}}


def _asks(*parameters: dict[str, Any], body: bool = False) -> dict[str, Any]:
    return {"parameters": list(parameters), **({"requestBody": {"content": CHUNK}} if body else {})}


router = APIRouter(prefix="/uploads", tags=["videos"])


async def _speaks_tus(request: Request, caller: Caller) -> CallerOf:
    headers.check_version(request)
    return caller


TusCaller = Annotated[CallerOf, Depends(_speaks_tus)]
UploadId = Annotated[UUID, Path(description="also the id of the video that it becomes")]


@router.options("/{upload_id}", status_code=204, response_class=Response, responses=problems(422))
async def upload_abilities_of_one(upload_id: UploadId) -> Response:  # noqa: ARG001 - for its description
    """Say what of tus is offered for any upload."""
    return await upload_abilities()


@router.options("", status_code=204, response_class=Response)
async def upload_abilities() -> Response:
    """Say what of tus is offered here."""
    return Response(
        status_code=204,
        headers={
            "Tus-Version": headers.VERSION,
            "Tus-Extension": headers.EXTENSIONS,
            "Tus-Max-Size": str(settings().upload_bytes),
            "Tus-Checksum-Algorithm": ",".join(headers.ALGORITHMS),
        },
    )


@router.post(
    "",
    status_code=201,
    responses=problems(400, 401, 403, 408, 409, 412, 413, 415, 429, 460, 507),
    openapi_extra=_asks(VERSION, LENGTH, METADATA, CHECKSUM, body=True),
    response_class=Response,
)
async def begin_upload(request: Request, caller: TusCaller) -> Response:
    """Begin an upload; its first chunk may come with it. `Location` says where it goes on."""
    size = headers.length(request)
    metadata, said = headers.metadata(request)
    checksum = headers.checksum(request)
    chunk = headers.is_chunk(request)
    announced = headers.announced(request) or 0
    if announced and not chunk:
        raise _not_a_chunk()
    if announced > size:
        raise too_much()
    name = shown(said.get("filename") or said.get("name") or NAMELESS)
    upload = await run_in_threadpool(rows.begin, caller, name, size, rows.kept_seconds(), metadata)
    note(video=str(upload.id))
    begun = {"Location": f"/uploads/{upload.id}", **NO_STORE}
    if not chunk and size:
        return Response(status_code=201, headers={**begun, **_until(upload)})
    try:
        offset, upload = await go_on(request, caller, upload, 0, checksum)
    except Problem as refused:  # the upload is there all the same, and what came of the chunk …
        refused.headers = {**(refused.headers or {}), **begun}
        if refused.code == CUT:  # … but where it is could not be said any more
            await run_in_threadpool(rows.give_up, caller.database, upload.id)
        raise
    return Response(status_code=201, headers={**begun, **_until(upload), "Upload-Offset": str(offset)})


@router.head(
    "/{upload_id}",
    status_code=200,
    responses=problems(401, 404, 410, 412, 422),
    openapi_extra=_asks(VERSION),
    response_class=Response,
)
async def upload_offset(upload_id: UploadId, caller: TusCaller) -> Response:
    """Say how far an upload has come."""
    upload = await run_in_threadpool(rows.find, caller, upload_id)
    offset, upload = await offset_of(caller, upload)
    told = {"Upload-Offset": str(offset), "Upload-Length": str(upload.size), **NO_STORE, **_until(upload)}
    if upload.metadata:
        told["Upload-Metadata"] = upload.metadata
    return Response(headers=told)


@router.patch(
    "/{upload_id}",
    status_code=204,
    responses=problems(400, 401, 404, 408, 409, 410, 412, 413, 415, 422, 423, 460, 507),
    openapi_extra=_asks(VERSION, OFFSET, CHECKSUM, body=True),
    response_class=Response,
)
async def go_on_with_upload(upload_id: UploadId, request: Request, caller: TusCaller) -> Response:
    """Go on with an upload where it is. With its last byte it becomes a video, which is then processed."""
    if not headers.is_chunk(request):
        raise _not_a_chunk()
    offset, checksum = headers.offset(request), headers.checksum(request)
    upload = await run_in_threadpool(rows.find, caller, upload_id)
    note(video=str(upload_id))
    offset, upload = await go_on(request, caller, upload, offset, checksum)
    return Response(status_code=204, headers={"Upload-Offset": str(offset), **NO_STORE, **_until(upload)})


@router.delete(
    "/{upload_id}",
    status_code=204,
    responses=problems(401, 404, 409, 410, 412, 422),
    openapi_extra=_asks(VERSION),
    response_class=Response,
)
async def end_upload(upload_id: UploadId, caller: TusCaller) -> Response:
    """Give an upload up: what came of it is removed."""
    upload = await run_in_threadpool(rows.find, caller, upload_id)
    if upload.whole or not await run_in_threadpool(rows.give_up, caller.database, upload_id):
        raise Problem(409, "whole", f"This is a video by now: `DELETE /videos/{upload_id}` removes it.")
    return Response(status_code=204)


def _until(upload: Upload) -> dict[str, str]:
    """Return when an upload expires; one that is whole does not."""
    return {} if upload.whole else headers.expires(upload.expires_at)


def _not_a_chunk() -> Problem:
    return Problem(415, "media_type", f"Chunks are sent as `Content-Type: {headers.CHUNK}`.")
