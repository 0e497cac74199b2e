"""Asking the API for leave to listen, as Echo and pusher-js do, and checking what it signs as the service does."""

import json
from typing import Any

import httpx

from shared.broadcasting.signatures import good_channel, good_user
from tests.api import ApiProcess, Customer

KEY, SECRET = "taboor-key", "taboor-secret"
SOCKET = "1042.7"


def ask(who: Customer, channel: str, socket_id: str = SOCKET, **more: Any) -> httpx.Response:
    """Ask as pusher-js asks: with a form."""
    return who.post("/broadcasting/auth", data={"socket_id": socket_id, "channel_name": channel, **more})


def signed(answer: httpx.Response, channel: str, socket_id: str = SOCKET) -> dict[str, Any]:
    """Check that an answer lets this socket into this channel, and return its data."""
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert lets_in(told, channel, socket_id), told
    data: dict[str, Any] = json.loads(told["channel_data"])
    return data


def lets_in(told: dict[str, Any], channel: str, socket_id: str = SOCKET) -> bool:
    return good_channel(KEY, SECRET, told["auth"], socket_id, channel, told["channel_data"])


def signs_in(told: dict[str, Any], socket_id: str = SOCKET) -> bool:
    return good_user(KEY, SECRET, told["auth"], socket_id, told["user_data"])


def order_of(who: Customer, api: ApiProcess) -> str:
    """Place an order for one walnut desk's worth of trouble, and return its id."""
    product = api.http.get("/products").json()["items"][0]["id"]
    placed = who.place([{"product_id": product, "quantity": 1}])
    assert placed.status_code == 202, placed.text
    order: str = placed.json()["id"]
    return order
