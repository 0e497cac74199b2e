"""What the tests of the page share: a whole house, a browser that reaches nothing else, both languages."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Route

from tests.browser import chromium
from tests.live_house import LiveHouse, live_house
from tests.ports import free_port
from tests.proxy import Proxy
from tests.visit import Visit
from tests.waiting import wait_until

LOCALES = {"en": "en-GB", "ar": "ar-EG"}
NEVER = 3600  # seconds: in these houses an operator ships, and nothing does by itself

AT_WORK = """
select (select count(*) from jobs where state in ('blocked', 'queued', 'running')
           or (state = 'scheduled' and available_at < clock_timestamp() + interval '1 minute'))
     + (select count(*) from events where position is null) as things
"""

#: `visit_as("Omar", color_scheme="dark")`: another visitor, in a browser of their own.
VisitAs = Callable[..., Visit]


@pytest.fixture(scope="module")
def line() -> Iterator[Proxy]:
    """The line to the realtime node, which can be cut."""
    with Proxy(free_port()) as line:
        yield line


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, line: Proxy) -> Iterator[LiveHouse]:
    where = {"ports": [line.target], "pusher_port": line.port}
    with live_house(request, demo_ships_after_seconds=NEVER, **where) as house:
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=["en", "ar"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visit_as(browser: Browser, house: LiveHouse, line: Proxy, language: str) -> Iterator[VisitAs]:
    """Let people in, each in a browser of their own that reaches the house and nothing else."""
    with ExitStack() as doors:
        yield lambda who=None, **wishes: _let_in(doors, browser, house, language, who, **wishes)
    line.mend()
    house.resume()


def wait_until_calm(house: LiveHouse) -> None:
    """Wait until nothing is left to be done for now; what is due much later may wait."""
    wait_until(lambda: not house.one(AT_WORK), 60)


def _let_in(
    doors: ExitStack, browser: Browser, house: LiveHouse, language: str, who: str | None, **wishes: Any
) -> Visit:
    context = browser.new_context(**{"viewport": {"width": 1366, "height": 768}, "locale": LOCALES[language]} | wishes)
    doors.callback(context.close)
    context.set_default_timeout(20_000)
    _shut_in(context, house)
    visit = Visit(context.new_page(), house)
    if who:
        visit.walk_in(who)
    return visit


def _shut_in(context: BrowserContext, house: LiveHouse) -> None:
    known = {urlsplit(house.url).netloc, f"127.0.0.1:{house.pusher['port']}"}

    def reach(route: Route) -> None:
        if urlsplit(route.request.url).netloc in known:
            route.fallback()
        else:
            route.abort()

    context.route("**/*", reach)


@pytest.fixture
def visit(visit_as: VisitAs) -> Iterator[Visit]:
    """Layla, signed in; whatever she does, nothing goes wrong and no other host is asked."""
    visit = visit_as("layla")
    yield visit
    house = visit.house
    assert visit.errors == []
    assert visit.hosts <= {urlsplit(house.url).netloc, f"127.0.0.1:{house.pusher['port']}"}
