"""The page at `/` in Chromium: sign in, order, watch it live; the connection's state is always to be seen."""

from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.live_house import LiveHouse, live_house
from tests.ports import free_port
from tests.proxy import Proxy
from tests.visit import Visit
from tests.waiting import wait_until

#: The lecture's, letter by letter.
LECTURE = """
Echo.private(`orders.${orderId}`)
    .listen('OrderShipped', (e) => {
        console.log('Order shipped!', e.order);
        updateUI(e.order);
    });
"""


@pytest.fixture(scope="module")
def line() -> Iterator[Proxy]:
    """The line to the realtime node, which can be cut."""
    with Proxy(free_port()) as line:
        yield line


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, line: Proxy) -> Iterator[LiveHouse]:
    """A house in which an operator ships, and nothing does by itself."""
    where = {"ports": [line.target], "pusher_port": line.port}
    with live_house(request, demo_ships_after_seconds=3600, **where) as house:
        yield house


def ship(house: LiveHouse, order_id: str) -> None:
    house.wait_for_status(UUID(order_id), "confirmed")
    nour = house.sign_in("nour@example.com")
    house.http.post(f"/orders/{order_id}/shipment", headers=nour.headers).raise_for_status()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, house: LiveHouse, line: Proxy) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    context.set_default_timeout(15_000)
    visit = Visit(context.new_page(), house)
    yield visit
    context.close()
    line.mend()
    house.resume()


def test_layla_orders_a_desk_and_watches_it_being_shipped(visit: Visit, house: LiveHouse) -> None:
    # Given Layla, signed in with one click
    visit.sign_in()
    left = visit.left()
    # When she orders a desk
    order_id = visit.order()
    expect(visit.status(order_id)).to_have_text("confirmed", timeout=20_000)
    ship(house, order_id)
    # Then she sees all that happens to it, without asking
    expect(visit.status(order_id)).to_have_text("shipped")
    for fact in ("OrderPlaced", "StockReserved", "OrderConfirmed", "NotificationSent", "OrderShipped"):
        expect(visit.fact(fact).first).to_be_visible()
    recorded = "select count(*) from events where aggregate_id = %s and position is not null"
    own = visit.timeline.locator("[data-fact^=Order], [data-fact=StockReserved], [data-fact=NotificationSent]")
    wait_until(lambda: own.count() == house.one(recorded, order_id))
    visit.screenshot("order-shipped")
    visit.open("shop")
    wait_until(lambda: visit.left() == left - 1)
    # And the lecture's own line has spoken
    assert any("Order shipped!" in line for line in visit.said)
    # And nothing was asked of other hosts, and nothing went wrong
    assert visit.hosts == {urlsplit(house.url).netloc, f"127.0.0.1:{house.pusher['port']}"}
    assert visit.errors == []


def test_the_lecture_lines_work_in_the_browser(visit: Visit, house: LiveHouse) -> None:
    # Given an order that waits, and the lecture's lines in the page
    visit.sign_in()
    house.pause()
    order_id = visit.order()
    shipped = "(orderId) => new Promise((updateUI) => {" + LECTURE + "})"
    visit.wait_until_live()
    # When it goes its way
    visit.page.evaluate(f"(orderId) => {{ window.shipped = ({shipped})(orderId) }}", order_id)
    house.resume()
    ship(house, order_id)
    # Then OrderShipped arrives with the order in it
    order = visit.page.evaluate("window.shipped")
    assert (order["id"], order["status"]) == (order_id, "shipped")
    assert order["items"][0]["slug"] == "walnut-desk"


def test_a_lost_line_is_said_and_reads_as_no_failed_order(visit: Visit, house: LiveHouse, line: Proxy) -> None:
    # Given an order that waits
    visit.sign_in()
    house.pause()
    order_id = visit.order()
    visit.open("shop")
    expect(visit.status(order_id)).to_have_text("placed")
    visit.wait_until_live()
    # When the line is lost, and the order is shipped meanwhile
    line.cut()
    expect(visit.connection).to_have_text("no connection")
    expect(visit.page.get_by_text("it goes on meanwhile")).to_be_visible()
    visit.screenshot("line-lost")
    house.resume()
    ship(house, order_id)
    expect(visit.status(order_id)).to_have_text("placed")
    # Then the page shows what it missed as soon as the line is back
    line.mend()
    expect(visit.connection).to_contain_text("been caught up", timeout=20_000)
    expect(visit.status(order_id)).to_have_text("shipped")
    visit.wait_until_live()
    expect(visit.page.get_by_role("alert")).to_be_empty()


def test_nour_sees_everybodys_orders_and_ships_them(visit: Visit, house: LiveHouse) -> None:
    # Given Nour, who is an operator
    visit.sign_in("Nour")
    # When Layla orders
    layla = house.sign_in()
    order_id = str(house.order(layla, house.products()["walnut-desk"]))
    # Then Nour sees it come, and ships it
    expect(visit.status(order_id)).to_have_text("confirmed", timeout=20_000)
    visit.card(order_id).get_by_role("link").click()
    visit.page.get_by_role("button", name="Ship it").click()
    expect(visit.status(order_id)).to_have_text("shipped")
