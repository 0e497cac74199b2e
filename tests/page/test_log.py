"""The panels `log` and `queues`: every fact once and in order, what one may not hear, and the jobs of operators."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import expect

from shared.ids import new_id
from tests.live_house import LiveHouse, live_house
from tests.page.conftest import VisitAs
from tests.panels import Panels, WalkIn
from tests.waiting import wait_until

POSITIONS = "[...document.querySelectorAll('.fact')].map((fact) => Number(fact.dataset.position))"
#: What is recorded of an order, its payment and its messages, the newest first.
RECORDED = """
select position from events where position is not null and aggregate_id in (
    select %(order)s union all select id from payments where order_id = %(order)s
    union all select id from notifications where aggregate_id = %(order)s
) order by position desc
"""
FAILED = """
insert into jobs (id, name, queue, args, state, attempt, failures, tries, error, finished_at)
values (%s, 'send_mail', 'notifications', '[]', 'failed', 5, 5, 5, 'the walnut is hollow', clock_timestamp())
"""


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LiveHouse]:
    with live_house(request) as house:
        yield house


@pytest.fixture
def walk_in(visit_as: VisitAs, house: LiveHouse, language: str) -> Iterator[WalkIn]:
    visits: list[Panels] = []

    def enter(who: str, panel: str) -> Panels:
        visits.append(Panels(visit_as(who), panel, language))
        return visits[-1]

    yield enter
    for visit in visits:
        visit.leave()
    house.resume("notifications")


def shipped(house: LiveHouse) -> UUID:
    """Layla orders a desk, and everything that follows is done."""
    order = house.order(house.sign_in(), house.products()["walnut-desk"])
    house.wait_for_status(order, "shipped")
    house.wait_until_quiet()
    return order


def recorded(house: LiveHouse, order: UUID) -> list[int]:
    rows = house.database().execute(RECORDED, {"order": order}).fetchall()
    return [row.position for row in rows]


def test_what_happens_is_in_the_log_once_each_and_the_newest_first(walk_in: WalkIn, house: LiveHouse) -> None:
    # Given
    panels = walk_in("layla", "log")
    # When
    order = shipped(house)
    # Then all of it is there: what was told live, and what was told to nobody
    newest = recorded(house, order)
    assert len(newest) >= 10
    wait_until(lambda: panels.page.evaluate(POSITIONS)[: len(newest)] == newest)
    panels.screenshot("log")
    # And it is there again when the page is loaded anew
    panels.page.reload()
    wait_until(lambda: panels.page.evaluate(POSITIONS)[: len(newest)] == newest)


def test_the_log_of_one_order_is_of_that_order_only(walk_in: WalkIn, house: LiveHouse) -> None:
    # Given two orders
    order, other = shipped(house), shipped(house)
    panels = walk_in("layla", "log")
    wait_until(lambda: set(recorded(house, other)) <= set(panels.page.evaluate(POSITIONS)))
    # When
    panels.find("#log-about").select_option(str(order))
    # Then
    wait_until(lambda: panels.page.evaluate(POSITIONS) == recorded(house, order))
    # And what happens to another does not come in
    third = shipped(house)
    assert panels.page.evaluate(POSITIONS) == recorded(house, order)
    panels.find("#log-about").select_option("")
    wait_until(lambda: set(recorded(house, third)) <= set(panels.page.evaluate(POSITIONS)))


def test_a_paused_log_holds_still_and_says_how_much_waits(walk_in: WalkIn, house: LiveHouse) -> None:
    # Given
    panels = walk_in("layla", "log")
    panels.find("#log-pause").click()
    before = panels.page.evaluate(POSITIONS)
    # When
    order = shipped(house)
    expect(panels.find("#log-held")).to_be_visible()
    # Then
    assert panels.page.evaluate(POSITIONS) == before
    panels.find("#log-pause").click()
    newest = recorded(house, order)
    wait_until(lambda: panels.page.evaluate(POSITIONS)[: len(newest)] == newest)
    expect(panels.find("#log-held")).to_be_hidden()


def test_a_fact_is_shown_as_it_is_recorded(walk_in: WalkIn, house: LiveHouse) -> None:
    order = shipped(house)
    panels = walk_in("layla", "log")
    panels.find("#log-about").select_option(str(order))
    fact = panels.find("[data-fact=OrderShipped]").first
    fact.locator("summary").click()
    expect(fact.locator("pre")).to_contain_text(f'"id": "{order}"')
    expect(fact).to_contain_text(f"private-orders.{order}")


def test_other_peoples_channels_are_refused_and_one_can_see_it(walk_in: WalkIn) -> None:
    panels = walk_in("layla", "log")
    for channel in ("orders", "other", "queues"):
        asked = panels.find(f"#forbidden [data-channel={channel}]")
        asked.get_by_role("button").click()
        expect(asked.locator("[data-answer=refused]")).to_contain_text("403")
    # And the connection does not suffer from it
    expect(panels.find("#connection")).to_have_attribute("data-state", "live")


def test_an_operator_hears_the_queues_and_no_customers_news(walk_in: WalkIn) -> None:
    panels = walk_in("nour", "log")
    for channel, answer in (("orders", "allowed"), ("queues", "allowed"), ("other", "refused")):
        asked = panels.find(f"#forbidden [data-channel={channel}]")
        asked.get_by_role("button").click()
        expect(asked.locator(f"[data-answer={answer}]")).to_be_visible()


def test_an_operator_pauses_a_queue_and_sees_what_waits(walk_in: WalkIn, house: LiveHouse) -> None:
    # Given
    panels = walk_in("nour", "queues")
    queue = panels.find("[data-queue=notifications]")
    queue.get_by_role("button").click()
    expect(queue).to_have_attribute("data-paused", "true")
    # When
    order = house.order(house.sign_in(), house.products()["walnut-desk"])
    house.wait_for_status(order, "shipped")
    # Then
    waiting = panels.find("#jobs [data-job=send_mail]")
    expect(waiting.first).to_be_visible()
    panels.screenshot("queues")
    # And it goes on
    queue.get_by_role("button").click()
    expect(queue).to_have_attribute("data-paused", "false")
    house.wait_until_quiet()
    expect(waiting).to_have_count(0)


def test_an_operator_tries_a_failed_job_again_or_forgets_it(walk_in: WalkIn, house: LiveHouse) -> None:
    # Given two jobs that failed for good
    house.pause("notifications")
    again, gone = new_id(), new_id()
    for job in (again, gone):
        house.sql(FAILED, job)
    panels = walk_in("nour", "queues")
    panels.find("[data-view=failed]").click()
    failed = panels.find("#jobs [data-state=failed]")
    expect(failed).to_have_count(2)
    expect(failed.first).to_contain_text("the walnut is hollow")
    # When the newest is tried again, and the other one is forgotten
    failed.nth(0).get_by_role("button").nth(0).click()
    expect(failed).to_have_count(1)
    failed.nth(0).get_by_role("button").nth(1).click()
    expect(failed).to_have_count(0)
    # Then
    states = {row.id: row.state for row in house.sql("select id, state from jobs where id = any(%s)", [again, gone])}
    assert states == {gone: "scheduled"}
    house.sql("delete from jobs where id = %s", gone)


def test_the_queues_are_not_for_customers_and_the_page_says_so(walk_in: WalkIn) -> None:
    panels = walk_in("layla", "queues")
    expect(panels.find(".refused")).to_contain_text("403")
    expect(panels.find("table")).to_have_count(0)
