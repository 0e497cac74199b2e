"""The clients of docs/clients.md, as they are printed there, hear that an order was shipped."""

import queue
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysher  # type: ignore[import-untyped]  # it ships no types
import pytest

from shared.broadcasting import keys
from shared.config import ROOT
from tests import scripts
from tests.live_house import LiveHouse, live_house
from tests.waiting import wait_until

DOCUMENT = (ROOT / "docs" / "clients.md").read_text()
PACKAGES = ROOT / "services" / "web"
#: How a script outside of services/web comes to its packages.
IMPORTS = f"""
import {{ createRequire }} from 'node:module';
const Pusher = createRequire('{PACKAGES}/package.json')('pusher-js');
const {{ default: Echo }} = await import('{PACKAGES}/node_modules/laravel-echo/dist/echo.js');
"""


def printed(language: str) -> str:
    [text] = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(text)


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LiveHouse]:
    with live_house(request) as house:
        yield house


def test_stock_echo_in_node_hears_it(house: LiveHouse, tmp_path: Path) -> None:
    # Given an order whose first facts are on the stream
    layla = house.sign_in()
    house.pause()
    order = house.order(layla, house.products()["walnut-desk"])
    # And the script of the document, at this house
    body = re.sub(r"^import .*\n", "", printed("js"), flags=re.MULTILINE)
    pusher = house.pusher
    here = {
        "'taboor-key'": f"'{pusher['key']}'",
        "'localhost'": f"'{pusher['host']}'",
        "6001": str(pusher["port"]),
        "http://localhost:8000": house.url,
        "process.env.TOKEN": f"'{layla.token}'",
        "process.env.ORDER": f"'{order}'",
    }
    for documented, ours in here.items():
        assert documented in body
        body = body.replace(documented, ours)
    script = tmp_path / "documented.mjs"
    said = "process.stdout.write('{\"subscribed\":true}\\n')"
    script.write_text(f"{IMPORTS}{body}echo.private(`orders.{order}`).subscribed(() => {said});\n")
    with scripts.Script(str(script)) as client:
        client.wait_for("subscribed")
        # When it is shipped
        house.resume()
        # Then it is heard
        wait_until(lambda: str(order) in client.noise, 30)


def test_pysher_with_the_documented_lines_hears_it(house: LiveHouse) -> None:
    # Given
    layla = house.sign_in()
    house.pause()
    order = house.order(layla, house.products()["walnut-desk"])
    lines: dict[str, Any] = {}
    exec(printed("python"), lines)
    client = pysher.Pusher(house.pusher["key"], custom_host="127.0.0.1", port=house.pusher["port"], secure=False)
    heard: queue.Queue[str] = queue.Queue()
    # When
    channel = lines["listen"](client, f"private-orders.{order}", layla.token, house.url)
    channel.bind("pusher_internal:subscription_succeeded", lambda _: heard.put("subscribed"))
    channel.bind(keys.wire_event("OrderShipped"), lambda _: heard.put("shipped"))
    client.connect()
    try:
        assert heard.get(timeout=10) == "subscribed"
        house.resume()
        # Then
        assert heard.get(timeout=30) == "shipped"
    finally:
        client.disconnect(0.2)


def test_pysher_by_itself_is_told_what_it_lacks(house: LiveHouse) -> None:
    # Given
    layla = house.sign_in()
    told: queue.Queue[str] = queue.Queue()
    client = pysher.Pusher(
        house.pusher["key"],
        custom_host="127.0.0.1",
        port=house.pusher["port"],
        secure=False,
        auth_endpoint=f"{house.url}/broadcasting/auth",
        auth_endpoint_headers={"Authorization": f"Bearer {layla.token}"},
    )

    def subscribe(_data: str) -> None:
        client.subscribe(f"private-user.{layla.id}").bind("pusher:subscription_error", told.put)

    # When
    client.connection.bind("pusher:connection_established", subscribe)
    client.connect()
    try:
        # Then
        assert "`channel_data`" in str(told.get(timeout=10))
    finally:
        client.disconnect(0.2)
