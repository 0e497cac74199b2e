"""The page at `/` and its files as they were built, or a front door where they were not; the settings of a page."""

import re
from hashlib import blake2b
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from services.api.problems import Problem
from shared.config import Settings, settings

ASSETS = "assets"
#: What a page is made of; a file of another kind is not served, and nobody is left to guess.
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")
FOR_GOOD = "public, max-age=31536000, immutable"  # an asset's name has its content's hash in it
ASK_AGAIN = "no-cache"
HEADERS = {"X-Content-Type-Options": "nosniff"}

router = APIRouter()

DOOR = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Taboor</title>
<style>body{{font:16px/1.5 system-ui;max-inline-size:40rem;margin:3rem auto;padding-inline:1rem}}</style>
<h1>Taboor <span lang="ar" dir="rtl">طابور</span></h1>
<p>A shop whose slow work happens in queues.</p>
<ul>
<li><a href="/docs">The API, to try by hand</a></li>
<li><a href="/products">What is for sale</a></li>
{sandbox}</ul>
</html>
"""
SANDBOX = '<li><a href="http://localhost:{port}/">The sandbox: its mailbox, its card gateway, its switches</a></li>\n'


class Pusher(BaseModel):
    key: str
    host: str = Field(description="where a browser that came here finds the realtime service", examples=["localhost"])
    port: int
    scheme: Literal["http", "https"]


class PageConfig(BaseModel):
    public_url: str
    pusher: Pusher
    demo: bool
    sandbox: str | None = Field(
        description="the demo's outside world, for people: its mailbox, its card gateway, its switches",
        examples=["http://localhost:9000/"],
    )


@router.get("/", include_in_schema=False)
def page(request: Request) -> Response:
    """Return the built page, or else the front door."""
    here = settings()
    sandbox = SANDBOX.format(port=here.sandbox_port) if here.in_demo else ""
    content = _content(here.page_files, "index.html") or DOOR.format(sandbox=sandbox).encode()
    headers = {**HEADERS, "ETag": f'"{blake2b(content, digest_size=16).hexdigest()}"', "Cache-Control": ASK_AGAIN}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=KINDS[".html"])


@router.get("/assets/{name}", include_in_schema=False)
def asset(name: str) -> Response:
    content = _content(settings().page_files / ASSETS, name)
    if content is None:
        raise Problem(404, "not_found", "There is no such file.")
    return Response(content, headers={**HEADERS, "Cache-Control": FOR_GOOD}, media_type=KINDS[Path(name).suffix])


@router.get("/config.json", tags=["shop"])
async def page_config(request: Request, response: Response) -> PageConfig:
    """Return what the page has to know, at run time."""
    response.headers["Cache-Control"] = "no-store"
    here = settings()
    pusher = Pusher(
        key=here.pusher_app_key,
        host=here.realtime_public_host or _asked_host(request, here),
        port=here.realtime_public_port or here.realtime_port,
        scheme="https" if here.public_url.startswith("https://") else "http",
    )
    sandbox = f"http://{_asked_host(request, here)}:{here.sandbox_port}/" if here.in_demo else None
    return PageConfig(public_url=here.public_url, pusher=pusher, demo=here.in_demo, sandbox=sandbox)


def _asked_host(request: Request, here: Settings) -> str:
    """Return the host under which this browser reached us; PUBLIC_URL may be an address inside the house."""
    try:
        asked = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        asked = None
    host = asked or urlsplit(here.public_url).hostname or here.bind_host
    return f"[{host}]" if ":" in host else host  # as it stands in an address


def _content(folder: Path, name: str) -> bytes | None:
    """Return a file of this folder, and of no other: names have no slashes, and links may not lead out."""
    path = folder / name
    if not NAME.fullmatch(name) or path.suffix not in KINDS or path.resolve().parent != folder.resolve():
        return None
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None
