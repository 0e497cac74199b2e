"""What the clock does for the shop: forgotten payments are asked about, and old rows go."""

import pytest

from services.worker.housekeeping import prune_history, prune_jobs
from services.worker.inventory import reserve_stock
from services.worker.payments import charge_payment, settle_from_gateway
from services.worker.reconciling import reconcile_payments
from shared.db.sql.pruning import BATCH
from shared.jobs.job import JobType
from tests.shop import Shop

#: Old and young ones, a batch and more.
SLOTS = f"""
insert into schedule_slots (task, slot) select 'alerts', clock_timestamp() - interval '8 days' - n * interval '1 min'
from generate_series(1, {BATCH + 7}) n
union all select 'alerts', clock_timestamp() - interval '6 days'
"""
ALERTS = """
insert into alerts (id, rule, subject, detail, opened_at, resolved_at)
select gen_random_uuid(), 'books', 'of ' || name, '', clock_timestamp() - interval '1 year', clock_timestamp() - ago
from (values ('last year', interval '91 days'), ('last month', interval '89 days'), ('today', null)) as t(name, ago)
"""
JOBS = """
insert into jobs (id, name, queue, args, state, finished_at)
select gen_random_uuid(), 'send_mail', 'notifications', jsonb '[]', state, clock_timestamp() - interval '10 years'
from unnest(array['succeeded', 'failed']) as state
union all select gen_random_uuid(), 'send_mail', 'notifications', '[]', 'scheduled', null
"""


def scheduled(shop: Shop, kind: JobType) -> None:
    """Let the job run as the schedule has it run."""
    with shop.writing() as tx:
        kind.dispatch(tx)
    shop.attempt(kind)


@pytest.fixture
def forgotten(shop: Shop) -> Shop:
    """A charge without an answer, an hour ago, and nobody is at it any more."""
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.sandbox.set(no_answer_after_charging=1)
    shop.attempt(charge_payment)
    shop.connection.execute("update jobs set state = 'failed' where name = 'charge_payment'")
    shop.connection.execute("update jobs set state = 'cancelled' where name = 'confirm_order'")
    shop.connection.execute("update payments set updated_at = clock_timestamp() - interval '1 hour'")
    assert shop.payment(order).status == "pending"
    return shop


def test_a_payment_that_nobody_asks_about_is_settled_by_what_the_gateway_says(forgotten: Shop) -> None:
    # When
    scheduled(forgotten, reconcile_payments)
    forgotten.attempt(settle_from_gateway)
    # Then
    (row,) = forgotten.connection.execute("select status, doubt from payments").fetchall()
    assert (row.status, row.doubt) == ("succeeded", None)


def test_it_is_not_asked_about_twice_at_once(forgotten: Shop) -> None:
    for _ in range(2):
        scheduled(forgotten, reconcile_payments)
    assert list(forgotten.jobs()).count("settle_from_gateway") == 1
    (row,) = forgotten.connection.execute(
        "select count(*) as n from jobs where name = 'settle_from_gateway'"
    ).fetchall()
    assert row.n == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update payments set updated_at = clock_timestamp()",
        "update jobs set state = 'running' where name = 'charge_payment'",
    ],
    ids=["it is young", "a job is at it"],
)
def test_a_payment_that_is_on_its_way_is_left_alone(forgotten: Shop, statement: str) -> None:
    # Given
    forgotten.connection.execute(statement)
    # When
    scheduled(forgotten, reconcile_payments)
    # Then
    assert "settle_from_gateway" not in forgotten.jobs()


def test_slots_and_alerts_go_when_they_are_old(shop: Shop) -> None:
    # Given
    shop.connection.execute(SLOTS)
    shop.connection.execute(ALERTS)
    # When
    scheduled(shop, prune_history)
    # Then
    left = shop.connection.execute("select slot from schedule_slots").fetchall()
    assert len(left) == 1
    subjects = [row.subject for row in shop.connection.execute("select subject from alerts order by subject")]
    assert subjects == ["of last month", "of today"]


def test_jobs_go_when_they_ended_long_ago_and_never_while_they_are_open(shop: Shop) -> None:
    # Given
    shop.connection.execute(JOBS)
    # When
    scheduled(shop, prune_jobs)
    # Then
    left = shop.connection.execute("select state from jobs where name = 'send_mail'").fetchall()
    assert [row.state for row in left] == ["scheduled"]
