"""The connection's state is always to be seen, and says nothing about an order that it does not know."""

from uuid import UUID

import pytest
from playwright.sync_api import Route, expect

from tests.live_house import LiveHouse
from tests.page.conftest import VisitAs
from tests.page.test_shop import ship
from tests.proxy import Proxy
from tests.visit import Visit
from tests.waiting import wait_until

LOST = {"en": "it goes on meanwhile", "ar": "ماشي في طريقه"}
AWAY = {"en": "has not answered since", "ar": "مابيردّش من"}
CAUGHT_UP = {"en": "been caught up", "ar": "عوّضنا"}


def test_a_line_lost_in_the_middle_of_an_order_is_said_and_caught_up(
    visit: Visit, house: LiveHouse, line: Proxy, language: str
) -> None:
    # Given an order that waits
    house.pause()
    order_id = visit.order()
    visit.shows(order_id, "placed")
    # When the line is lost, and the order goes its way meanwhile
    line.cut()
    expect(visit.connection).to_have_attribute("data-state", "reconnecting")
    expect(visit.page.get_by_text(LOST[language])).to_be_visible()
    house.resume()
    house.wait_for_status(UUID(order_id), "confirmed")
    ship(house, order_id)
    visit.screenshot(f"line-lost-{language}")
    # Then the order does not look failed
    expect(visit.page.get_by_role("alert")).to_be_empty()
    # And once the line is back, the page says how many it missed, and shows them
    line.mend()
    expect(visit.connection).to_contain_text(CAUGHT_UP[language], timeout=20_000)
    visit.shows(order_id, "shipped")
    for fact in ("StockReserved", "OrderConfirmed", "OrderShipped"):
        expect(visit.fact(fact)).to_have_count(1)
    visit.forgive("WebSocket")


def test_where_nobody_answers_the_page_says_so_and_takes_it_back(
    visit: Visit, house: LiveHouse, line: Proxy, language: str
) -> None:
    # When the line is lost, and the API is away
    house.api.down()
    line.cut()
    # Then the page does not say that orders go on
    expect(visit.page.get_by_text(AWAY[language])).to_be_visible(timeout=20_000)
    expect(visit.page.get_by_text(LOST[language])).to_have_count(0)
    # When all is back
    house.api.up()
    line.mend()
    house.wait_for_api()
    # Then it says that, by itself
    visit.wait_until_live(40_000)
    expect(visit.page.locator(".notice")).to_have_count(0)
    visit.forgive("WebSocket", "ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE")


def test_what_went_wrong_because_nobody_answered_goes_away_when_somebody_does(visit: Visit) -> None:
    order_id = visit.order()
    visit.shows(order_id, "confirmed")

    def refuse(route: Route) -> None:
        route.abort()

    # Given an API that cannot be reached
    visit.page.route("**/cancellation", refuse)
    visit.page.route("**/livez", refuse)
    visit.page.locator("#cancel").click()
    alert = visit.page.get_by_role("alert")
    # Then that is said in a sentence, not in the browser's words
    expect(alert).not_to_be_empty()
    expect(alert).not_to_contain_text("Failed to fetch")
    # When it answers again
    visit.page.unroute("**/livez")
    # Then the sentence goes
    expect(alert).to_be_empty(timeout=10_000)
    visit.forgive("net::ERR_FAILED")


def test_operators_see_what_was_ordered_while_redis_forgot_everything(visit_as: VisitAs, house: LiveHouse) -> None:
    # Given Nour, who watches everybody's orders
    nour = visit_as("nour")
    # When Redis is wiped, and Layla orders at that moment
    house.flush()
    order_id = str(house.order(house.sign_in(), house.products()["coffee-pot"]))
    # Then Nour sees the order
    nour.shows(order_id, "confirmed")
    # And nothing was asked for that is not there
    assert nour.errors == []


def test_anothers_order_is_not_shown(visit: Visit, house: LiveHouse) -> None:
    # Given an order of Omar's
    theirs = house.order(house.sign_in("omar@example.com"), house.products()["brass-tray"])
    # When Layla goes to its address
    visit.open(f"order/{theirs}")
    # Then she is told that there is nothing for her
    expect(visit.page.get_by_role("alert")).not_to_be_empty()
    expect(visit.timeline).to_have_count(0)
    # And what is hers goes on
    visit.page.locator(".brand").click()
    mine = visit.order("brass-tray")
    visit.shows(mine, "confirmed")
    visit.forgive("status of 403", "status of 404", "Couldn't get channel auth", "auth info")


def test_an_ended_session_is_said_and_left_without_another_word(visit: Visit, house: LiveHouse) -> None:
    # When the session is ended elsewhere
    layla = house.sign_in()
    house.sql("update sessions set revoked_at = clock_timestamp() where user_id = %s", layla.id)
    visit.page.evaluate("() => window.Echo.private('orders.00000000-0000-7000-8000-000000000000')")
    # Then the page says that one has to sign in again
    expect(visit.connection).to_have_attribute("data-state", "closed", timeout=20_000)
    asked = len(visit.urls)
    # And signing out asks nothing of a session that is over
    visit.page.locator("[data-icon=out]").click()
    expect(visit.page.locator(".person").first).to_be_visible()
    assert not any(url.endswith("/sessions/current") for url in visit.urls[asked:])
    visit.forgive("status of 401", "status of 403", "channel auth", "auth info")


@pytest.mark.parametrize("place", ["shop", "log", "queues", "break", "videos"])
def test_each_place_says_how_the_connection_is(visit_as: VisitAs, place: str) -> None:
    nour = visit_as("nour")
    nour.open(place)
    expect(nour.page.locator("main h1")).to_be_visible()
    expect(nour.connection).to_be_visible()
    wait_until(lambda: nour.connection.inner_text().strip() != "")
    assert nour.errors == []
