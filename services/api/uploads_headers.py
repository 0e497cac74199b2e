"""tus 1.0's headers: what they say, or why not."""

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request

from services.api.problems import Problem

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
CHUNK = "application/offset+octet-stream"
MOST_METADATA = 4096
ALGORITHMS: dict[str, Callable[[], Any]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
NUMBER = re.compile(r"[0-9]{1,18}")
PAIR = re.compile(r"([!-+\--~]+)(?: ([A-Za-z0-9+/]*={0,2}))?")


@dataclass
class Checksum:
    """What a chunk's bytes must add up to."""

    running: Any
    expected: bytes

    def fits(self) -> bool:
        return bool(self.running.digest() == self.expected)


def check_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise Problem(412, "version", f"Send `Tus-Resumable: {VERSION}`.", headers={"Tus-Version": VERSION})


def is_chunk(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == CHUNK


def length(request: Request) -> int:
    """Return how long the upload will be."""
    if "upload-concat" in request.headers:
        raise Problem(400, "concatenation", "Uploads in parts that are joined later are not offered here.")
    return _number(request, "Upload-Length")


def offset(request: Request) -> int:
    return _number(request, "Upload-Offset")


def announced(request: Request) -> int | None:
    """Return how many bytes the body will have; None if it does not say."""
    given = request.headers.get("content-length", "")
    return int(given) if NUMBER.fullmatch(given) else None


def checksum(request: Request) -> Checksum | None:
    given = request.headers.get("upload-checksum")
    if given is None:
        return None
    name, _, digest = given.partition(" ")
    if name not in ALGORITHMS:
        raise Problem(400, "checksum_algorithm", f"Checksums are made by one of {', '.join(ALGORITHMS)}.")
    running = ALGORITHMS[name]()
    expected = _decoded(digest, "Upload-Checksum")
    if len(expected) != running.digest_size:
        raise Problem(400, "malformed", f"Upload-Checksum: this is not a {name} checksum in Base64.")
    return Checksum(running, expected)


def metadata(request: Request) -> tuple[str, dict[str, str]]:
    """Return Upload-Metadata as it was sent, and what it says."""
    given = request.headers.get("upload-metadata", "").strip()
    if len(given) > MOST_METADATA:
        raise Problem(400, "malformed", f"Upload-Metadata: at most {MOST_METADATA} characters.")
    said: dict[str, str] = {}
    for pair in given.split(",") if given else []:
        found = PAIR.fullmatch(pair.strip())
        if not found or found[1] in said:
            raise Problem(400, "malformed", "Upload-Metadata: pairs of a key and Base64, by comma, each key once.")
        said[found[1]] = _text(_decoded(found[2] or "", "Upload-Metadata"))
    return given, said


def expires(moment: datetime) -> dict[str, str]:
    return {"Upload-Expires": format_datetime(moment, usegmt=True)}


def _number(request: Request, name: str) -> int:
    given = request.headers.get(name, "")
    if not NUMBER.fullmatch(given):
        raise Problem(400, "malformed", f"{name}: a number of bytes is needed.")
    return int(given)


def _decoded(text: str, name: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise Problem(400, "malformed", f"{name}: this is not Base64.") from error


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "malformed", "Upload-Metadata: a value is not UTF-8.") from error
