"""A visit to the page in a browser: what its visitor does, and what it does."""

from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from shared.config import ROOT
from tests.live_house import LiveHouse

PICTURES = ROOT / "var" / "screenshots"


class Visit:
    """A page that is open, and what it did."""

    def __init__(self, page: Page, house: LiveHouse) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.urls: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.goto(house.url)

    def sign_in(self, name: str = "Layla") -> None:
        self.page.get_by_role("button", name=name).click()
        expect(self.connection).to_have_text("live")

    @property
    def connection(self) -> Locator:
        return self.page.get_by_role("status")

    def order(self, slug: str = "walnut-desk") -> str:
        """Order one; return the order's id."""
        with self.page.expect_response(lambda answer: answer.url.endswith("/orders")) as answered:
            self.page.locator(f"[data-product={slug}]").click()
        return str(answered.value.json()["id"])

    def left(self, slug: str = "walnut-desk") -> int:
        """How many pieces the page says are left."""
        item = self.page.get_by_role("listitem").filter(has=self.page.locator(f"[data-product={slug}]"))
        return int(item.locator("span").inner_text())

    def card(self, order_id: str) -> Locator:
        return self.page.locator(f"#order-{order_id}")

    def screenshot(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.said if line.startswith("error")]
