"""A body on its way into an upload's file: memory stays flat, the event loop stays free, what came is kept."""

import asyncio
import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import psycopg
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive

from services.api.problems import RETRY_AFTER, Problem
from services.api.uploads_headers import Checksum
from services.api.uploads_rows import disk_full, gone
from shared.config import settings
from shared.uploads import UploadFile

BATCH = 2**20  # bytes that are written at once …
MOST_PARTS = 512  # … in so many pieces, as they came: the kernel takes 1,024
FLUSH_EVERY = 2**26  # bytes; or the last chunk's client would wait for the whole file's way to the disk
TICK = 0.25  # seconds; as often a silent body is asked whether it is still worth waiting for
YIELDS_AFTER = 0.5  # seconds of silence, when somebody else wants to go on with this upload …
SILENT = 60.0  # … and when nobody does
KEEP_EVERY = 30.0  # seconds; the sweep takes what was not kept for a minute for silent
CUT = "cut"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

#: A slow disk must not hold up the threads that answer everything else.
_disk = ThreadPoolExecutor(8, thread_name_prefix="uploads")
log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")


async def on_disk(do: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do it in a thread of the disk's own. It is done to its end, even if nobody waits for it any more."""
    return await asyncio.get_running_loop().run_in_executor(_disk, lambda: do(*args, **kwargs))


@dataclass
class Intake:
    """Writes one body to a file that is this one's to write, from its end on."""

    receive: Receive
    file: UploadFile
    start: int
    end: int  # more must not come
    keep: Callable[[], object]  # asked now and then, in a thread
    checksum: Checksum | None = None
    stopping: asyncio.Event | None = None  # leave off: another process will go on
    _parts: list[bytes] = field(default_factory=list)
    _gathered: int = 0  # bytes of these
    _writing: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        self._position = self.start  # of the next batch
        self._heard = self._kept = time.monotonic()

    async def run(self) -> None:
        """Return when all of it is written. Whatever ends it early is raised, when what came has been written."""
        try:
            await self._read()
            await self._flush()
            await self._written()
            self._check()
        except BaseException as why:
            await self._rescue(why)
            raise

    async def _read(self) -> None:
        more = True
        while more:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise Problem(400, CUT, "The connection broke off.")
            chunk = message.get("body", b"")
            if self._position + self._gathered + len(chunk) > self.end:
                raise too_much()
            self._parts.append(chunk)
            self._gathered += len(chunk)
            if self._gathered >= BATCH or len(self._parts) >= MOST_PARTS:
                await self._flush()
                await self._look()
            more = message.get("more_body", False)

    def _check(self) -> None:
        if self.checksum and not self.checksum.fits():
            raise Problem(460, "checksum_mismatch", "The checksum does not fit; nothing of this was kept.")

    async def _next(self) -> Message:
        while True:
            try:
                async with asyncio.timeout(TICK):
                    message = await self.receive()
            except TimeoutError:
                await self._look()
            else:
                self._heard = time.monotonic()
                return message

    async def _look(self) -> None:
        """See whether to go on."""
        now = time.monotonic()
        silent, wanted = now - self._heard, self.file.wanted()
        if self.file.removed():
            raise gone()
        if self.stopping and self.stopping.is_set():
            raise Problem(503, "stopping", "This process ends; go on where you are.", headers=RETRY_AFTER)
        if silent >= SILENT:
            raise Problem(408, "silent", "Nothing came for a minute.")
        if silent >= YIELDS_AFTER and wanted:
            raise Problem(409, "taken_over", "Another request goes on with this upload.")
        if now - self._kept >= KEEP_EVERY:
            self._kept = now
            await self._keep()

    async def _keep(self) -> None:
        try:
            await run_in_threadpool(self.keep)
        except psycopg.OperationalError as error:  # it is tried again
            log.warning("an upload is not kept", error=str(error))

    async def _flush(self) -> None:
        """Begin to write what came, once the batch before is written; meanwhile more may come."""
        await self._written()
        batch, size = self._parts, self._gathered
        self._parts, self._gathered = [], 0
        if size:
            self._writing = asyncio.ensure_future(on_disk(self._write, batch, size, self._position))
            self._position += size

    async def _written(self) -> None:
        if self._writing is None:
            return
        await asyncio.wait((self._writing,))  # not `await self._writing`: who is cancelled here must not cancel it
        writing, self._writing = self._writing, None
        try:
            writing.result()
        except OSError as error:
            if error.errno in NO_ROOM:
                raise disk_full() from error
            raise

    def _write(self, batch: list[bytes], size: int, at: int) -> None:
        """In a thread."""
        if self.file.room() - size < settings().disk_reserve_bytes:
            raise disk_full()
        if self.checksum:
            for part in batch:
                self.checksum.running.update(part)
        self.file.write(batch, at)
        if at // FLUSH_EVERY != (at + size) // FLUSH_EVERY:
            self.file.flush()

    async def _rescue(self, why: BaseException) -> None:
        """Keep what came – except where the whole chunk was refused, or can no longer be checked."""
        try:
            if self.checksum or (isinstance(why, Problem) and why.status == 413):
                await self._written()
                await on_disk(self.file.cut, self.start)
            else:
                await self._flush()
                await self._written()
        except (Problem, OSError) as error:  # `why` came first, and is what is told
            log.warning("not all that came was kept", error=str(error))


def too_much() -> Problem:
    return Problem(413, "too_much", "More bytes came than the upload was to have; nothing of this was kept.")
