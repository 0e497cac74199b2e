"""Two small pages for people: what is here, and the mailbox. Every value is escaped."""

from html import escape
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.sandbox import mailbox
from services.sandbox.world import world_of

# Mails are strangers' HTML: no script, no request to anywhere, and each in a frame of its own.
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'"}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
article { border: 1px solid #8888; border-radius: 8px; padding: 1rem; margin: 1rem 0 }
h2 { font-size: 1.1rem; margin: 0 } small { opacity: .75 } pre { white-space: pre-wrap; font: inherit }
iframe { width: 100%; height: 16rem; border: 1px solid #8886; background: white }
td, th { text-align: start; padding: .2rem .6rem }
"""
ADDRESSES = (
    ("/v1/payment_intents, /v1/refunds, /v1/events/{id}", "the card gateway, on Stripe's wire"),
    ("/2010-04-01/Accounts/{sid}/Messages.json", "the SMS carrier, on Twilio's wire"),
    ("/mailbox, /mailbox/counts, /mailbox.html", "every mail and SMS; DELETE /mailbox empties it"),
    ("/switches, /switches/table", "what can be broken on purpose: GET, PUT {name: value}, DELETE"),
    ("/gateway/summary", "every payment: status, received, refunded"),
    ("/gateway/keys/forget", "POST: the gateway forgets its idempotency keys"),
    ("/gateway/webhook", "GET, PUT {url}: where the gateway's webhooks go"),
    ("/livez", "whether this process lives"),
)

router = APIRouter()


@router.get("/")
async def index(request: Request) -> HTMLResponse:
    addresses = "".join(f"<tr><td><code>{escape(path)}</code><td>{escape(what)}" for path, what in ADDRESSES)
    switches = "".join(
        f"<tr><td><code>{escape(row['name'])}</code><td>{escape(str(row['value']))}"
        f"<td>{escape(row['does'])}<td>{escape(row['expect'])}"
        for row in world_of(request).switches.table()
    )
    return _page(
        "The outside world",
        "<p>A card gateway, an SMS carrier and a mailbox, for demo and tests."
        ' <a href="/mailbox.html">Open the mailbox</a>.'
        f"<table>{addresses}</table><h2>Switches</h2>"
        f"<table><tr><th>Switch<th>Now<th>Does<th>You should see{switches}</table>",
    )


@router.get("/mailbox.html")
async def mailbox_page(request: Request, to: str | None = None) -> HTMLResponse:
    letters = mailbox.read(world_of(request).store, to=to, limit=100)
    return _page("Mailbox", "".join(map(_article, letters)) or "<p>Nothing has arrived yet.")


def _article(letter: dict[str, Any]) -> str:
    title = letter["subject"] or letter["channel"].upper()
    # srcdoc is escaped as an attribute; `sandbox` without a value forbids scripts, forms and links out.
    shown = (
        f'<iframe sandbox srcdoc="{escape(letter["html"])}"></iframe>'
        if letter["html"]
        else f'<pre dir="auto">{escape(letter["text"])}</pre>'
    )
    return (
        f'<article><h2 dir="auto">{escape(title)}</h2><small>{escape(letter["channel"])} to {escape(letter["to"])}, '
        f"{escape(letter['received_at'])}, {escape(letter['message_id'] or 'no Message-ID')}</small>{shown}</article>"
    )


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)} – Taboor sandbox</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>",
        headers=HEADERS,
    )
