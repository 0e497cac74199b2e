"""What the page is made of: little, in one vocabulary, for both directions; and calm when much happens."""

import gzip
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from shared.broadcasting.publish import Taboor
from shared.broadcasting.said import Said
from shared.config import ROOT
from shared.ids import new_id
from tests.live_house import LiveHouse
from tests.page.conftest import VisitAs

WEB = ROOT / "services" / "web"
SOURCES = [path for path in (WEB / "src").rglob("*") if path.suffix in (".vue", ".ts", ".css")]
PHYSICAL = re.compile(
    r"(?<![-\w])(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right|top|bottom)|left|right|top|bottom"
    r"|width|height|(?:min|max)-(?:width|height))\s*:(?!:)"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)|translateX"
)
#: The screen's size in a media query has no other name.
MEDIA = re.compile(r"@media[^{]*")
STRANGER = re.compile(rb"https?://(?!www\.w3\.org/|localhost|127\.0\.0\.1|vuejs\.org/error|[^/]*\$)([\w.-]+)")
BLINK = 50  # milliseconds
FIRST_LOAD = 250_000  # bytes, compressed, without the player
MAIN = "CrRendererMain"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_components_and_modules_are_short(path: Path) -> None:
    limit = 150 if path.suffix == ".vue" else 400
    assert len(path.read_text().splitlines()) <= limit or "types" in path.parts


def test_all_styles_together_are_four_hundred_lines() -> None:
    lines = [line for path in SOURCES if path.suffix == ".css" for line in path.read_text().splitlines()]
    assert 0 < len(lines) <= 400
    assert all("<style" not in path.read_text() for path in SOURCES if path.suffix == ".vue")


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".css"], ids=lambda path: path.name)
def test_no_style_knows_left_and_right(path: Path) -> None:
    rules = MEDIA.sub("", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL))
    assert PHYSICAL.findall(rules) == []


def test_the_first_load_is_small() -> None:
    built = WEB / "dist"
    page = (built / "index.html").read_text()
    first = {Path(name).name for name in re.findall(r"/assets/[\w.-]+", page)}
    scripts = [built / "assets" / name for name in first]
    # Each letter's font is fetched when such a letter is shown: the most is all of both scripts.
    fonts = [path for path in (built / "assets").glob("*.woff2") if re.search(r"-(arabic|latin)-wght", path.name)]
    size = sum(len(gzip.compress(path.read_bytes())) for path in scripts) + sum(path.stat().st_size for path in fonts)
    assert scripts
    assert fonts
    assert size < FIRST_LOAD
    assert not any("hls" in name or "browser" in name for name in first)


def test_nothing_of_it_comes_from_elsewhere() -> None:
    for path in (WEB / "dist").rglob("*.css"):
        assert STRANGER.findall(path.read_bytes()) == []
    assert STRANGER.findall((WEB / "dist" / "index.html").read_bytes()) == []


def test_fifty_events_a_second_do_not_make_it_stumble(
    browser: Browser, visit_as: VisitAs, house: LiveHouse, language: str
) -> None:
    if language == "ar":
        pytest.skip("the same in either language")
    # Given Nour, who sees everybody's orders
    nour = visit_as("nour")
    expect(nour.page.locator("[data-product=walnut-desk]")).to_be_visible()
    order_id = str(house.order(house.sign_in(), house.products()["walnut-desk"]))
    nour.shows(order_id, "confirmed")
    order = house.http.get(f"/orders/{order_id}", headers=house.sign_in().headers).json()
    # When fifty orders a second come in
    browser.start_tracing(page=nour.page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    _say(house, order, 200)
    expect(nour.page.locator("#orders li").first).to_contain_text(f"#{order['number'] + 200}", timeout=30_000)
    # Then all are shown, and no task is long: in the processor's time, which other work here does not lengthen
    tasks = _tasks(browser.stop_tracing())
    assert max(tasks) < BLINK


def _say(house: LiveHouse, order: dict[str, Any], many: int) -> None:
    says, began = Taboor(house.redis.url), time.monotonic()
    for n in range(1, many + 1):
        new = {**order, "id": str(new_id()), "number": order["number"] + n, "status": "placed"}
        says.say([Said("App\\Events\\OrderPlaced", ["private-orders"], json.dumps({"order": new}))])
        time.sleep(max(0.0, began + n / 50 - time.monotonic()))


def _tasks(trace: bytes) -> list[float]:
    """Return how long each task of the page's main thread took, in milliseconds of the processor."""
    events = json.loads(trace)["traceEvents"]
    mains = {(one["pid"], one["tid"]) for one in events if one["name"] == "thread_name" and one["args"]["name"] == MAIN}
    return [
        one["tdur"] / 1000
        for one in events
        if one["name"].endswith("RunTask") and (one["pid"], one["tid"]) in mains and "tdur" in one
    ]
