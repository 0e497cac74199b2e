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
    card = visit.card(order_id)
    expect(card.get_by_role("heading")).to_contain_text("confirmed", timeout=20_000)
    ship(house, order_id)
    # Then she sees all that happens to it, without asking
    expect(card.get_by_role("heading")).to_contain_text("shipped")
    wait_until(lambda: visit.left() == left - 1)
    facts = card.get_by_role("listitem")
    for fact in ("order placed", "stock reserved", "order confirmed", "notification sent", "order shipped"):
        expect(facts.filter(has_text=fact).first).to_be_visible()
    recorded = "select count(*) from events where aggregate_id = %s and position is not null"
    wait_until(lambda: facts.count() == house.one(recorded, order_id))
    visit.screenshot("order-shipped")
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
    expect(visit.connection).to_have_text("live")
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
    expect(visit.card(order_id)).to_contain_text("order placed")
    expect(visit.connection).to_have_text("live")
    # When the line is lost, and the order is shipped meanwhile
    line.cut()
    expect(visit.connection).to_contain_text("connection is lost")
    visit.screenshot("line-lost")
    house.resume()
    ship(house, order_id)
    expect(visit.card(order_id).get_by_role("heading")).to_contain_text("placed")
    # Then the page shows what it missed as soon as the line is back
    line.mend()
    expect(visit.connection).to_have_text("live", timeout=20_000)
    expect(visit.card(order_id).get_by_role("heading")).to_contain_text("shipped")
    assert visit.page.get_by_role("alert").is_hidden()


def test_nour_sees_everybodys_orders_and_ships_them(visit: Visit, house: LiveHouse) -> None:
    # Given Nour, who is an operator
    visit.sign_in("Nour")
    # When Layla orders
    layla = house.sign_in()
    order_id = str(house.order(layla, house.products()["walnut-desk"]))
    # Then Nour sees it come, and ships it
    card = visit.card(order_id)
    expect(card).to_contain_text("confirmed", timeout=20_000)
    card.get_by_role("button", name="Ship it").click()
    expect(card.get_by_role("heading")).to_contain_text("shipped")
