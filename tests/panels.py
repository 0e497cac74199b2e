"""A visit to the panels behind the shop, in either language: told by what the page marks, not by its words."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, Route, expect

from shared.config import ROOT
from tests.live_house import LiveHouse

PICTURES = ROOT / "var" / "screenshots"
PEOPLE = {"ليلى": 0, "Omar": 1, "Nour": 2}
DIRECTIONS = {"en": "ltr", "ar": "rtl"}


class Panels:
    """A page that is open in a language; requests to other hosts are refused, and remembered."""

    def __init__(self, page: Page, house: LiveHouse, language: str) -> None:
        self.page, self.language = page, language
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self._hosts = {urlsplit(house.url).netloc, f"127.0.0.1:{house.pusher['port']}"}
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.route("**/*", self._only_us)
        page.goto(house.url)

    def _only_us(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc in self._hosts:
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()

    def sign_in(self, name: str) -> None:
        self.page.locator(".person").nth(PEOPLE[name]).click()
        expect(self.page.locator("#connection")).to_have_attribute("data-state", "live", timeout=30_000)
        expect(self.page.locator("html")).to_have_attribute("dir", DIRECTIONS[self.language])

    def open(self, panel: str) -> None:
        self.page.locator(f"nav a[href='#{panel}']").click()

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def order(self) -> int:
        """Order a coffee pot on the panel `break`; return the order's number."""
        with self.page.expect_response(lambda answer: answer.url.endswith("/orders")) as answered:
            self.find("#break-order").click()
        return int(answered.value.json()["number"])

    def turn(self, switch: str) -> None:
        with self.page.expect_response(
            lambda answer: answer.url.endswith("/demo/switches") and answer.request.method == "PUT"
        ):
            self.find(f"[data-switch={switch}] [role=switch]").click()

    def expect_seen(self, experiment: Locator, checks: list[str]) -> None:
        """Wait until all of these are ticked, and there are no others."""
        expect(experiment.locator("[data-check]")).to_have_count(len(checks))
        for check in checks:
            expect(experiment.locator(f"[data-check={check}]")).to_have_attribute("data-seen", "true", timeout=60_000)

    def screenshot(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}-{self.language}.png", full_page=True)


@contextmanager
def visited(browser: Browser, house: LiveHouse, language: str) -> Iterator[Panels]:
    locale = {"en": "en-GB", "ar": "ar-EG"}[language]
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale=locale)
    context.set_default_timeout(20_000)
    panels = Panels(context.new_page(), house, language)
    yield panels
    context.close()
    assert panels.errors == []
    assert panels.strangers == []
