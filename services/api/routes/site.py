"""The front door, until the page moves in, and the settings that a page needs to know."""

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse

from shared.config import settings

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
    host: str
    port: int
    scheme: str = Field(examples=["http"])


class PageConfig(BaseModel):
    public_url: str
    pusher: Pusher
    demo: bool


@router.get("/", include_in_schema=False)
async def front_door() -> HTMLResponse:
    here = settings()
    return HTMLResponse(DOOR.format(sandbox=SANDBOX.format(port=here.sandbox_port) if here.in_demo else ""))


@router.get("/config.json", tags=["shop"])
async def page_config() -> PageConfig:
    """Return what the page has to know, at run time."""
    here = settings()
    pusher = Pusher(key=here.pusher_app_key, host=here.pusher_host, port=here.pusher_port, scheme=here.pusher_scheme)
    return PageConfig(public_url=here.public_url, pusher=pusher, demo=here.in_demo)
