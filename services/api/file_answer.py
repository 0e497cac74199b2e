"""A file as an answer: whole or in parts, piece by piece, so that memory stays flat and the event loop free."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.api.media_files import MediaFile
from services.api.problems import Problem
from services.api.ranges import Part, Unsatisfiable, parts

PIECE = 256 * 1024  # bytes
PATIENCE = 600.0  # seconds for a client that takes nothing: a player that pauses comes back and asks for the rest

#: A slow disk must not hold up the threads that answer everything else.
_disk = ThreadPoolExecutor(8, thread_name_prefix="media")
log = structlog.get_logger()


class FileAnswer(Response):
    """Sends what of the file was asked for, and closes it; raises a Problem if the file has nothing of that."""

    def __init__(self, media: MediaFile, request: Request, cache_control: str) -> None:
        super().__init__(media_type=media.media_type)
        self.headers.update(
            {
                "Accept-Ranges": "bytes",
                "Cache-Control": cache_control,
                "ETag": media.etag,
                "Last-Modified": media.modified,
                "X-Content-Type-Options": "nosniff",
            }
        )
        self._media = media
        self._sent: list[bytes | Part] = []  # bytes of ours, and parts of the file
        self._choose(request)

    def _choose(self, request: Request) -> None:
        """Decide what is sent."""
        media = self._media
        if _is_known(request.headers.get("if-none-match", ""), media.etag):
            self._whole(304, [])
            del self.headers["content-length"], self.headers["content-type"]
            return
        try:
            wanted = _wanted(request, media)
        except Unsatisfiable as none:
            media.file.close()
            length = {"Content-Range": f"bytes */{media.size}"}
            raise Problem(416, "no_such_part", f"The file has {media.size} bytes.", headers=length) from none
        if wanted is None:
            self._whole(200, [(0, media.size)])
        elif len(wanted) == 1:
            self.headers["Content-Range"] = _content_range(wanted[0], media.size)
            self._whole(206, [*wanted])
        else:
            boundary = secrets.token_hex(12)
            self.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
            self._whole(206, list(_multipart(wanted, media, boundary)))

    def _whole(self, status: int, sent: list[bytes | Part]) -> None:
        self.status_code, self._sent = status, sent
        self.headers["Content-Length"] = str(
            sum(len(each) if isinstance(each, bytes) else each[1] - each[0] for each in sent)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_hang_up(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._send(send, gone)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.info("a player takes nothing any more")
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            self._media.file.close()

    async def _send(self, send: Send, gone: asyncio.Future[None]) -> None:
        for each in self._sent:
            for piece in [each] if isinstance(each, bytes) else _pieces(each):
                content = piece if isinstance(piece, bytes) else await self._read(piece)
                if gone.done():
                    return
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": content, "more_body": True})

    async def _read(self, part: Part) -> bytes:
        begin, end = part
        number = self._media.file.fileno()
        reading = asyncio.get_running_loop().run_in_executor(_disk, os.pread, number, end - begin, begin)
        content = await asyncio.shield(reading)
        if len(content) != end - begin:
            raise OSError(f"a file of {self._media.size} bytes ends at {begin + len(content)}")
        return content


def _wanted(request: Request, media: MediaFile) -> list[Part] | None:
    """Return the parts that are asked for, if they are parts of this very file."""
    header, condition = request.headers.get("range"), request.headers.get("if-range")
    if header is None or request.method != "GET" or condition not in (None, media.etag, media.modified):
        return None
    return parts(header, media.size)


def _is_known(tags: str, etag: str) -> bool:
    return bool(tags) and (tags.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")])


def _content_range(part: Part, size: int) -> str:
    return f"bytes {part[0]}-{part[1] - 1}/{size}"


def _multipart(wanted: list[Part], media: MediaFile, boundary: str) -> Iterator[bytes | Part]:
    for part in wanted:
        about = f"Content-Type: {media.media_type}\r\nContent-Range: {_content_range(part, media.size)}"
        yield f"\r\n--{boundary}\r\n{about}\r\n\r\n".encode()
        yield part
    yield f"\r\n--{boundary}--\r\n".encode()


def _pieces(part: Part) -> Iterator[Part]:
    begin, end = part
    for at in range(begin, end, PIECE):
        yield at, min(at + PIECE, end)


async def _hang_up(receive: Receive) -> None:
    """Return when the client is gone."""
    with suppress(HTTPException):  # a body that is too large, of which nothing is wanted
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    await asyncio.Future()  # which is cancelled when all is sent
