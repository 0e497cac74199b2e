"""The panels behind the shop, as a visitor uses them: told by what the page marks, not by its words."""

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.visit import Visit

DIRECTIONS = {"en": "ltr", "ar": "rtl"}
#: What the browser's console says of an answer that a test wants: refusals, and a house in trouble.
WANTED = ("status of 403", "status of 503", "ERR_CONNECTION_REFUSED")


class Panels:
    """A visit to one of them."""

    def __init__(self, visit: Visit, panel: str, language: str) -> None:
        self.visit, self.page, self.language = visit, visit.page, language
        visit.open(panel)
        expect(self.find("html")).to_have_attribute("dir", DIRECTIONS[language])

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
        self.visit.screenshot(f"{name}-{self.language}")

    def leave(self) -> None:
        """Nothing went wrong that the test did not want."""
        self.visit.forgive(*WANTED)
        assert self.visit.errors == []


#: `walk_in("layla", "break")`
WalkIn = Callable[[str, str], Panels]
