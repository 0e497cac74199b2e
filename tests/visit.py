"""A visit to the page in a browser: what its visitor does, and what it does."""

from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from shared.config import ROOT
from tests.live_house import LiveHouse

PEOPLE = ("layla", "omar", "nour")
PICTURES = ROOT / "var" / "screenshots"


class Visit:
    """A page that is open, and what it did."""

    def __init__(self, page: Page, house: LiveHouse) -> None:
        self.page, self.house = page, house
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
        self.wait_until_live()

    def walk_in(self, who: str) -> None:
        """Sign in as `layla`, `omar` or `nour`, whatever language the page speaks."""
        self.page.locator(".person").nth(PEOPLE.index(who)).click()
        self.wait_until_live()

    def wait_until_live(self, timeout: float = 15_000) -> None:
        expect(self.connection).to_have_attribute("data-state", "live", timeout=timeout)

    @property
    def connection(self) -> Locator:
        return self.page.locator("#connection")

    def open(self, place: str) -> None:
        """Go to a panel: `shop`, `videos`, `order/0199…`."""
        self.page.evaluate("(place) => { location.hash = place }", place)

    def order(self, slug: str = "walnut-desk") -> str:
        """Order one; return the order's id. The page then shows the order."""
        with self.page.expect_response(lambda answer: answer.url.endswith("/orders")) as answered:
            self.page.locator(f"[data-product={slug}]").click()
        order_id = str(answered.value.json()["id"])
        expect(self.timeline).to_be_visible()
        return order_id

    def left(self, slug: str = "walnut-desk") -> int:
        """How many pieces the page says are left."""
        return int(self.page.locator(f"[data-slug={slug}] [data-left]").get_attribute("data-left") or "-1")

    def card(self, order_id: str) -> Locator:
        """The order: in the shop's list, or alone."""
        return self.page.locator(f"#order-{order_id}")

    def status(self, order_id: str) -> Locator:
        return self.card(order_id).locator(".status").first

    @property
    def timeline(self) -> Locator:
        return self.page.locator(".timeline")

    def fact(self, name: str) -> Locator:
        """The facts of this name in the order's timeline."""
        return self.timeline.locator(f"[data-fact={name}]")

    def screenshot(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def job(self, name: str) -> Locator:
        """The jobs of this name in the order's timeline."""
        return self.timeline.locator(f"[data-job={name}]")

    def forgive(self, *words: str) -> None:
        """Forget what the browser's console said of what the test itself has broken."""
        self.said = [line for line in self.said if not any(word in line for word in words)]

    def shows(self, order_id: str, status: str) -> None:
        """Wait until the page says that the order stands so."""
        expect(self.card(order_id).locator(f".status[data-status={status}]").first).to_be_visible(timeout=30_000)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.said if line.startswith("error")]
