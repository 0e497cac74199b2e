"""Going on with an upload: its one writer, from the offset that the client believes to the last byte and the fact."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from services.api import uploads_rows as rows
from services.api.caller import CallerOf
from services.api.problems import RETRY_AFTER, Problem
from services.api.uploads_headers import Checksum, announced
from services.api.uploads_receiving import Intake, on_disk, too_much
from services.api.uploads_rows import Upload
from shared import uploads as files
from shared.uploads import UploadFile

PATIENCE = 1.5  # seconds; a silent writer yields sooner, one that hears its client does not
ASKS_EVERY = 0.05  # seconds


@asynccontextmanager
async def writing(upload: Upload) -> AsyncIterator[UploadFile]:
    """Open the upload's file as its only writer."""
    with await on_disk(UploadFile, upload.id) as file:
        if not await _claimed(file):
            raise Problem(423, "locked", "Another request is writing this upload.", headers=RETRY_AFTER)
        if file.removed():
            raise rows.gone()
        yield file


async def _claimed(file: UploadFile) -> bool:
    until = time.monotonic() + PATIENCE
    while not file.claim():
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(ASKS_EVERY)
    return True


async def go_on(
    request: Request, caller: CallerOf, upload: Upload, offset: int, checksum: Checksum | None
) -> tuple[int, Upload]:
    """Take a chunk that begins at an offset. Return how much of the upload is there, and the upload as it now is."""
    if upload.whole:
        _check_fits(request, upload, offset, upload.size)
        return upload.size, upload
    async with writing(upload) as file:
        _check_fits(request, upload, offset, file.size())
        try:
            await _intake(request, caller, upload, file, checksum).run()
        finally:  # also after half a chunk: it may have been the half that was missing
            settled = await settle(caller, upload, file)
    return settled


def _check_fits(request: Request, upload: Upload, offset: int, size: int) -> None:
    if offset != size:
        raise Problem(409, "offset", f"This upload goes on at {size}.", headers={"Upload-Offset": str(size)})
    if offset + (announced(request) or 0) > upload.size:
        raise too_much()


def _intake(request: Request, caller: CallerOf, upload: Upload, file: UploadFile, checksum: Checksum | None) -> Intake:
    return Intake(
        request.receive,
        file,
        file.size(),
        upload.size,
        lambda: rows.keep(caller.database, upload),
        checksum,
        request.app.state.streams.stopping,
    )


async def settle(caller: CallerOf, upload: Upload, file: UploadFile) -> tuple[int, Upload]:
    """Write down how far an upload has come: it is whole, or it is kept for another while."""
    size = file.size()
    try:
        if size == upload.size:
            await on_disk(file.sync)
            await run_in_threadpool(rows.finish, caller.database, upload.id)
            return size, replace(upload, whole=True)
        expires_at = await run_in_threadpool(rows.keep, caller.database, upload)
    except Problem:
        await on_disk(files.remove, upload.id)  # it was given up meanwhile: this file may be newer than that
        raise
    return size, replace(upload, expires_at=expires_at)


async def offset_of(caller: CallerOf, upload: Upload) -> tuple[int, Upload]:
    """Return how far an upload has come; a writer whose client is gone is asked to leave off first."""
    if upload.whole:
        return upload.size, upload
    if not await on_disk(files.place_of(upload.id).exists):
        return 0, upload
    with await on_disk(UploadFile, upload.id) as file:
        if await _claimed(file) and file.size() == upload.size:
            return await settle(caller, upload, file)  # the API ended between its last byte and the commit
        return file.size(), upload
