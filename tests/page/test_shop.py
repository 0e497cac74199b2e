"""Ordering on the page, and watching all that follows: in both languages."""

import json
from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page, Route, expect

from shared.ids import new_id
from tests.axe import violations
from tests.live_house import LiveHouse
from tests.page.conftest import VisitAs, wait_until_calm
from tests.visit import Visit
from tests.waiting import wait_until

PLACED = "select count(*) from orders where user_id = %s"
DECLINED = "pm_card_chargeDeclinedInsufficientFunds"


def ship(house: LiveHouse, order_id: str) -> None:
    nour = house.sign_in("nour@example.com")
    house.http.post(f"/orders/{order_id}/shipment", headers=nour.headers).raise_for_status()


def orders_of_layla(house: LiveHouse) -> int:
    return int(house.one(PLACED, house.sign_in().id))


@pytest.fixture
def few_desks(house: LiveHouse) -> Iterator[None]:
    """Seven desks are left."""
    wait_until_calm(house)
    reserved = house.one("select reserved from products where slug = 'walnut-desk'")
    house.stock("walnut-desk", reserved + 7)
    yield
    wait_until_calm(house)
    house.stock("walnut-desk", 1_000_000)


def test_layla_orders_a_desk_and_sees_all_that_follows(visit: Visit, house: LiveHouse) -> None:
    # When Layla orders a desk
    order_id = visit.order()
    # Then she sees it being confirmed, live, and which job did what
    visit.shows(order_id, "confirmed")
    for job in ("reserve_stock", "charge_payment", "confirm_order", "send_mail"):
        expect(visit.job(job).first).to_have_attribute("data-state", "succeeded")
    # And the mail and the SMS as she gets them
    number = house.one("select number from orders where id = %s", order_id)
    for channel in ("mail", "sms"):
        expect(visit.page.locator(f"#messages [data-channel={channel}] .text")).to_contain_text(f"#{number}")
    # When it is shipped
    ship(house, order_id)
    # Then the page says so by itself, and the bell has rung
    visit.shows(order_id, "shipped")
    expect(visit.fact("OrderShipped")).to_have_attribute("data-tone", "good")
    expect(visit.page.locator(".bell .count")).to_be_visible()
    wait_until(lambda: any("Order shipped!" in line for line in visit.said))
    visit.page.locator(".bell button").first.click()
    expect(visit.page.locator(".bell .message").first).to_contain_text(f"#{number}")


def test_the_timeline_is_the_same_after_loading_the_page_again(visit: Visit, house: LiveHouse) -> None:
    # Given an order that was watched until all was done
    order_id = visit.order("cane-chair")
    visit.shows(order_id, "confirmed")
    wait_until_calm(house)
    told = house.http.get(f"/orders/{order_id}/timeline", headers=house.sign_in().headers).json()["events"]
    facts = [fact["name"] for fact in told if fact["name"] != "NotificationStored"]
    # Then all of its facts were seen live
    wait_until(lambda: _facts(visit) == facts)
    # When the page is loaded again, then nobody has to sign in, and the history is the same
    visit.page.reload()
    visit.wait_until_live()
    wait_until(lambda: _facts(visit) == facts)


def _facts(visit: Visit) -> list[str]:
    return list(visit.timeline.locator("[data-fact]").evaluate_all("(all) => all.map((one) => one.dataset.fact)"))


def test_a_declined_card_is_told_with_its_reason_and_the_stock_goes_back(visit: Visit, house: LiveHouse) -> None:
    # When Layla pays with a card that has no money
    visit.page.locator("#card").select_option(DECLINED)
    order_id = visit.order("cotton-rug")
    # Then the order is rejected, and what was held is put back, drawn as an undoing
    visit.shows(order_id, "rejected")
    expect(visit.fact("OrderRejected").locator(".put-back")).to_be_visible()
    expect(visit.job("charge_payment").locator(".reason")).to_be_visible()
    # And it is said in the page's words, not in the machine's
    expect(visit.timeline).not_to_contain_text("insufficient_funds")
    assert house.one("select status from payments where order_id = %s", order_id) in ("declined", "canceled")


def test_cancelling_gives_back_the_stock_and_the_money(visit: Visit) -> None:
    # Given a paid order
    order_id = visit.order("linen-curtain")
    visit.shows(order_id, "confirmed")
    # When Layla cancels it
    visit.page.locator("#cancel").click()
    # Then each undoing is drawn as one
    visit.shows(order_id, "cancelled")
    expect(visit.fact("OrderCancelled").locator(".put-back")).to_be_visible()
    expect(visit.fact("PaymentRefunded").locator(".put-back")).to_be_visible()
    expect(visit.page.locator("#cancel")).to_have_count(0)


def test_the_same_order_twice_is_one_order(visit: Visit, house: LiveHouse) -> None:
    before = orders_of_layla(house)
    # When the same order is sent twice at once
    visit.page.locator("#twice button").click()
    # Then one of the answers is the other's, again
    expect(visit.page.locator("#twice .receipt")).to_have_count(2)
    expect(visit.page.locator("#twice .receipt[data-replayed=true]")).to_have_count(1)
    assert orders_of_layla(house) == before + 1


@pytest.mark.usefixtures("few_desks")
def test_of_two_buyers_one_gets_the_desks(visit: Visit, house: LiveHouse) -> None:
    # When Layla and Omar order four of seven desks each
    expect(visit.page.locator("[data-slug=walnut-desk] [data-left='7']")).to_be_visible()
    visit.page.locator("#race select").select_option(str(house.products()["walnut-desk"]))
    visit.page.locator("#race button").click()
    # Then the page says who has them
    expect(visit.page.locator("#race .receipt[data-outcome=good]")).to_have_count(1)
    expect(visit.page.locator("#race .receipt[data-outcome=bad]")).to_have_count(1)
    assert house.one("select on_hand - reserved from products where slug = 'walnut-desk'") == 3


def test_an_order_whose_answer_is_lost_is_placed_once(visit: Visit, house: LiveHouse) -> None:
    before = orders_of_layla(house)
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or len(lost) == 2:
            return route.fallback()
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()  # it arrives, and the answer does not
        return route.abort()

    # When the answers get lost
    visit.page.route("**/orders", lose)
    visit.page.locator("[data-product=brass-tray]").click()
    expect(visit.page.locator("#again")).to_be_visible()
    # Then the page asks again with the same key, and shows the one order
    expect(visit.timeline).to_be_visible()
    assert len(lost) == 2
    assert len(set(lost)) == 1
    assert orders_of_layla(house) == before + 1
    visit.forgive("net::ERR_FAILED")


def test_what_is_ordered_elsewhere_is_seen_here(visit: Visit, visit_as: VisitAs, house: LiveHouse) -> None:
    # Given Layla in two tabs
    other = visit_as("layla")
    # When she orders in one of them
    order_id = visit.order("coffee-pot")
    # Then the other one shows it, and both agree
    other.shows(order_id, "confirmed")
    visit.shows(order_id, "confirmed")
    # And what she orders from the terminal is there, too
    again = house.place(house.sign_in(), house.products()["coffee-pot"], key=new_id().hex).json()["id"]
    other.shows(again, "confirmed")


def test_the_keyboard_alone_places_an_order(visit: Visit) -> None:
    expect(visit.page.locator("[data-product=walnut-desk]")).to_be_visible()

    def on(selector: str) -> bool:
        return bool(visit.page.evaluate("(selector) => document.activeElement.matches(selector)", selector))

    # When Layla goes with Tab to the desk's button, and presses Enter
    for _ in range(40):
        visit.page.keyboard.press("Tab")
        if on("[data-product=walnut-desk]"):
            break
    assert on("[data-product=walnut-desk]")
    visit.page.keyboard.press("Enter")
    # Then she stands at the order's top
    expect(visit.timeline).to_be_visible()
    assert on("#content")


def test_nour_sees_everybodys_orders_and_ships_them(visit_as: VisitAs, house: LiveHouse) -> None:
    # Given Nour, who is an operator
    nour = visit_as("nour")
    # When Layla orders
    order_id = str(house.order(house.sign_in(), house.products()["walnut-desk"]))
    # Then Nour sees it come, sees which process did what, and ships it
    nour.shows(order_id, "confirmed")
    nour.card(order_id).get_by_role("link").click()
    expect(nour.job("reserve_stock").locator("code[title*='@']")).to_contain_text("fast-")
    nour.page.locator("#ship").click()
    nour.shows(order_id, "shipped")


def test_a_killed_workers_attempt_is_told_and_the_order_completes(visit: Visit, house: LiveHouse) -> None:
    # Given a bank that is slow, and a worker that asks it
    house.sandbox.set(slow_ms=3000)
    order_id = visit.order("siwa-basket")
    unit = house.unit_of(UUID(order_id), "charge_payment")
    # When the worker is killed
    unit.kill()
    house.sandbox.reset()
    # Then the page shows that its attempt was lost, and that the order went on
    visit.shows(order_id, "confirmed")
    expect(visit.job("charge_payment").locator(".attempts li")).not_to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it(visit_as: VisitAs, theme: str) -> None:
    # Given each place of the page, when axe looks at it, then it finds nothing
    door = visit_as(color_scheme=theme)
    expect(door.page.locator(".person").first).to_be_visible()
    assert violations(door.page) == []
    door.walk_in("layla")
    expect(door.page.locator("[data-product=walnut-desk]")).to_be_visible()
    door.page.locator("#twice button").click()
    expect(door.page.locator("#twice .receipt")).to_have_count(2)
    assert violations(door.page) == []
    order_id = door.order()
    door.shows(order_id, "confirmed")
    expect(door.page.locator("#messages .text").first).to_be_visible()
    door.page.locator(".bell button").first.click()
    assert violations(door.page) == []
    door.screenshot(f"order-{theme}-{door.page.evaluate('document.documentElement.lang')}")


def test_on_a_phone_nothing_sticks_out(visit_as: VisitAs) -> None:
    phone = visit_as("nour", viewport={"width": 390, "height": 780}, has_touch=True)
    for place in ("log", "queues", "break", "videos", "shop"):
        phone.open(place)
        expect(phone.page.locator("main h1")).to_be_visible()
        assert _width(phone.page) == 390
    order_id = phone.order("brass-tray")
    phone.shows(order_id, "confirmed")
    # Then the order fits, and what happens can be seen at once
    assert _width(phone.page) == 390
    expect(phone.timeline.locator("[data-fact]").first).to_be_in_viewport()


def _width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_the_languages_switch_with_their_direction(visit: Visit, language: str) -> None:
    html = visit.page.locator("html")
    order_id = visit.order("reading-lamp")
    expect(html).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    # When Layla wants the other language
    visit.page.locator("#language").click()
    # Then all of it changes at once, and stays so
    other = {"en": ("ar", "rtl"), "ar": ("en", "ltr")}[language]
    visit.page.reload()
    for name, value in zip(("lang", "dir"), other, strict=True):
        expect(html).to_have_attribute(name, value)
    visit.shows(order_id, "confirmed")
    assert json.loads(visit.page.evaluate("JSON.stringify(localStorage)"))["taboor.language"] == other[0]
