"""The panel `break`: what is broken on purpose is seen to be broken, and seen to be put right."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.live_house import LiveHouse, live_house
from tests.page.conftest import VisitAs
from tests.panels import Panels, WalkIn
from tests.supervisord import socket_path, supervised_workers

ONE_CHARGE = ["again", "confirmed", "once"]


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHouse]:
    """A house whose workers are kept by a supervisord, which the API may ask."""
    folder: Path = tmp_path_factory.mktemp("supervisord")
    with socket_path() as socket, live_house(request, supervisor_socket=socket) as house:
        for unit in house.units:
            unit.down()
        with supervised_workers(folder, socket):
            yield house


@pytest.fixture
def walk_in(visit_as: VisitAs, house: LiveHouse, language: str) -> Iterator[WalkIn]:
    house.sandbox.reset()
    visits: list[Panels] = []

    def enter(who: str, panel: str) -> Panels:
        visits.append(Panels(visit_as(who), panel, language))
        return visits[-1]

    yield enter
    for visit in visits:
        visit.leave()


def test_a_declined_card_is_seen_to_reject_the_order(walk_in: WalkIn) -> None:
    # Given
    panels = walk_in("layla", "break")
    panels.turn("decline")
    switch = panels.find("[data-switch=decline]")
    expect(switch.get_by_role("switch")).to_be_checked()
    expect(switch.locator("[data-check=rejected]")).to_have_attribute("data-seen", "false")
    # When
    number = panels.order()
    # Then
    panels.expect_seen(switch, ["rejected"])
    expect(switch.locator("[data-check=rejected]")).to_contain_text(f"#{number}")
    panels.screenshot("break-declined")
    # And mended, it is off again
    panels.find("#break-mend").click()
    expect(switch.get_by_role("switch")).not_to_be_checked()


def test_a_bank_that_does_not_answer_is_asked_again_and_takes_the_money_once(walk_in: WalkIn) -> None:
    panels = walk_in("layla", "break")
    panels.turn("no_answer_after_charging")
    panels.order()
    panels.expect_seen(panels.find("[data-switch=no_answer_after_charging]"), ONE_CHARGE)


def test_a_confirmation_alone_is_no_proof_of_a_second_try(walk_in: WalkIn, house: LiveHouse) -> None:
    # Given a switch that is used up by nobody: the sandbox was mended behind the page's back
    panels = walk_in("layla", "break")
    panels.turn("no_answer_after_charging")
    house.sandbox.reset()
    panels.turn("webhooks_off")
    # When an order is confirmed as ever
    panels.order()
    panels.expect_seen(panels.find("[data-switch=webhooks_off]"), ["confirmed", "once"])
    # Then only what was seen is ticked
    expect(panels.find("[data-switch=no_answer_after_charging] [data-seen=true]")).to_have_count(0)


def test_an_sms_waits_while_the_phone_company_is_down_and_arrives_once_it_is_back(walk_in: WalkIn) -> None:
    # Given
    panels = walk_in("omar", "break")
    panels.turn("sms_down")
    switch = panels.find("[data-switch=sms_down]")
    # When
    panels.order()
    expect(switch.locator("[data-check=sms_waits]")).to_have_attribute("data-seen", "true", timeout=30_000)
    expect(switch.locator("[data-check=sms_arrives]")).to_have_attribute("data-seen", "false")
    panels.turn("sms_down")
    # Then
    panels.expect_seen(switch, ["sms_waits", "sms_arrives"])


def test_a_killed_worker_comes_back_and_the_order_is_confirmed(walk_in: WalkIn) -> None:
    # Given
    panels = walk_in("layla", "break")
    before = panels.find("[data-process=worker-fast-1] [data-cell=pid]").inner_text()
    # When
    panels.find("[data-kill=worker-fast]").click()
    experiment = panels.find("[data-experiment=worker-fast]")
    expect(experiment).to_be_visible()
    panels.order()
    # Then
    panels.expect_seen(experiment, ["back", "confirmed", "once"])
    expect(panels.find("[data-process=worker-fast-1] [data-cell=pid]")).not_to_have_text(before)
    panels.screenshot("break-killed")


def test_redis_is_wiped_and_the_page_goes_on(walk_in: WalkIn) -> None:
    panels = walk_in("layla", "break")
    panels.find("[data-kill=wipe]").click()
    experiment = panels.find("[data-experiment=wipe]")
    expect(experiment).to_be_visible()
    panels.order()
    panels.expect_seen(experiment, ["live", "confirmed", "once"])


def test_a_load_is_watched_until_all_of_it_is_done_and_the_books_balance(walk_in: WalkIn) -> None:
    # Given
    panels = walk_in("nour", "break")
    placed, done = panels.find("[data-figure=placed]"), panels.find("[data-figure=done]")
    # When
    panels.find("#load input").nth(1).fill("3")
    panels.find("#load-start").click()
    expect(panels.find("#load-stop")).to_be_enabled()
    expect(panels.find("#load-start")).to_be_enabled(timeout=30_000)
    # Then everything that was placed gets done, and the drawing says the same
    expect(panels.find("[data-figure=open]")).to_have_text(panels.page.evaluate(NOTHING), timeout=30_000)
    assert placed.inner_text() == done.inner_text() != panels.page.evaluate(NOTHING)
    drawing = panels.find("#load svg[role=img]").get_attribute("aria-label") or ""
    assert drawing.count(placed.inner_text()) >= 2, drawing
    # And
    panels.find("#books-check").click()
    expect(panels.find("[data-balanced=true]")).to_be_visible()
    panels.screenshot("break-load")


#: No number, as the page's language writes it.
NOTHING = "new Intl.NumberFormat(document.documentElement.lang === 'ar' ? 'ar-EG' : 'en').format(0)"


def test_the_books_are_not_for_customers_and_the_page_says_so(walk_in: WalkIn) -> None:
    panels = walk_in("layla", "break")
    panels.find("#books-check").click()
    expect(panels.find("#books .refused")).to_contain_text("403")
    expect(panels.find("[data-balanced]")).to_have_count(0)
