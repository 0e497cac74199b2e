"""Operators are called once for what is wrong, and told once when it is over; each rule sees what it is there for."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from structlog.testing import capture_logs

import services.worker.listeners  # noqa: F401 - with it all jobs are known, as in a unit
from services.worker.alert_rules import RULES, Look, evaluate, evaluate_alerts
from services.worker.alerts import call_operators
from services.worker.housekeeping import check_books
from shared import books
from shared.db.engine import close_thread_connection, connect
from shared.db.transaction import transaction
from shared.ids import new_id
from shared.jobs import operations
from shared.jobs.batch import batch
from shared.jobs.chain import chain
from shared.jobs.collaborators import provide
from shared.jobs.figures import AT_MOST
from shared.notifications.mail import Mailer
from tests.ledger import Ledger
from tests.ledger_jobs import glue, saw, write_down
from tests.notifying import SHOP
from tests.sandbox import SandboxProcess
from tests.waiting import wait_until

WAITS = """
insert into jobs (id, name, queue, args, available_at)
values (gen_random_uuid(), 'reserve_stock', 'orders', '[]', clock_timestamp() - interval '{}')
"""
LIVE = "insert into workers (id, unit, host, pid, queues, threads) values ('live', 'fast-1', '', 1, '{orders}', 4)"
ENDED = """
with ended as (
    insert into jobs (id, name, queue, args, state) select gen_random_uuid(), 'send_mail', 'orders', '[]', 'succeeded'
    from generate_series(1, {}) returning id
)
insert into job_attempts (job_id, attempt, outcome) select id, 1, '{}' from ended
"""
FAILED = """
insert into jobs (id, name, queue, args, state, finished_at, aggregate_id)
values (gen_random_uuid(), 'cancel_order', 'orders', '[]', 'failed', clock_timestamp(), '{}')
"""
ORDER = """
insert into users (id, email, name, password_hash) values ('{0}', 'layla@example.com', 'ليلى', '');
insert into orders (id, user_id, status, total, currency, payment_method, updated_at)
values ('{0}', '{0}', 'reserved', 500000, 'EGP', 'pm_card_visa', clock_timestamp() - interval '1 hour')
"""
PAYMENT = """
insert into payments (id, order_id, amount, currency, doubt, updated_at)
values (gen_random_uuid(), '{}', 500000, 'EGP', 'unknown', clock_timestamp() - interval '1 hour')
"""
CHAIN = """
insert into chains (id, name) values ('{0}', 'check_out');
insert into jobs (id, name, queue, args, state, chain_id, link, created_at)
values (gen_random_uuid(), 'confirm_order', 'orders', '[]', 'blocked', '{0}', 2, clock_timestamp() - interval '1 hour')
"""
LINK = """
insert into jobs (id, name, queue, args, chain_id, link, available_at)
values (gen_random_uuid(), 'charge_payment', 'orders', '[]', '{}', 1, clock_timestamp() + interval '1 hour')
"""
EVENT = """
insert into events (id, name, aggregate, aggregate_id, aggregate_version, payload, parked_reason, occurred_at,
                    parked_at)
values (gen_random_uuid(), 'OrderPlaced', 'order', gen_random_uuid(), 1, '{{}}', 'unknown',
        clock_timestamp() - interval '1 hour', {})
"""
TASK = """
with job as (
    insert into jobs (id, name, queue, args, state)
    values (gen_random_uuid(), 'refund_orphans', 'orders', '[]', '{}') returning id
)
insert into schedule_slots (task, slot, job_id)
select 'orphans', date_trunc('hour', now()) - interval '{} h', id from job
"""
ID = "0198f0a0-0000-7000-8000-000000001042"


@pytest.fixture
def shop(ledger: Ledger, sandbox: SandboxProcess) -> Iterator[Ledger]:
    """A ledger with two operators, one for each language, and their way to the sandbox's mailbox."""
    mailer = Mailer(f"smtp://127.0.0.1:{sandbox.smtp_port}", SHOP)
    provide(Mailer, lambda: mailer)
    for name, locale in (("Nour", "en"), ("نادية", "ar")):
        ledger.connection.execute(
            "insert into users (id, email, name, locale, role, password_hash) values (%s, %s, %s, %s, 'operator', '')",
            (new_id(), f"{locale}@example.com", name, locale),
        )
    ledger.set(alert_quiet_seconds=0)
    yield ledger
    mailer.close()


def do(ledger: Ledger, *statements: str) -> None:
    for statement in ";".join(statements).split(";"):
        ledger.connection.execute(statement, prepare=False)


def look(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        evaluate(tx, RULES)


def alerts(ledger: Ledger) -> list[tuple[str, str, bool]]:
    rows = ledger.rows("select rule, subject, resolved_at is null as open from alerts order by opened_at")
    return [(row.rule, row.subject, row.open) for row in rows]


def mails(ledger: Ledger, sandbox: SandboxProcess) -> list[tuple[str, str]]:
    """Send what is to be sent; return each mail's recipient and subject."""
    ledger.hand_over()
    for claimed in ledger.claim("notifications", 16):
        ledger.run(claimed)
    return sorted((mail["to"], mail["subject"]) for mail in sandbox.mailbox(channel="mail"))


def test_operators_are_told_once_that_it_is_so_and_once_that_it_is_over(shop: Ledger, sandbox: SandboxProcess) -> None:
    # Given a job that has waited for minutes, and nobody to run it
    do(shop, WAITS.format("7 min"))
    # When the rules are looked at again and again
    for _ in range(3):
        look(shop)
    # Then each operator has one mail, in their language
    assert alerts(shop) == [("queue_unmanned", "orders", True)]
    opened = [
        ("ar@example.com", "تنبيه: مفيش عامل شغّال على طابور orders"),
        ("en@example.com", "Alert: No worker serves the queue orders"),
    ]
    assert mails(shop, sandbox) == opened
    # And it is in their inbox, and the mail says what was seen
    inbox = shop.rows("select body from notifications where channel = 'database' and locale = 'en'")
    assert len(inbox) == 1
    assert "1 jobs wait, the oldest for 42" in inbox[0].body
    assert "1 jobs wait" in sandbox.mailbox(to="en@example.com")[0]["text"]
    assert '<html lang="ar" dir="rtl">' in sandbox.mailbox(to="ar@example.com")[0]["html"]

    # When it is over
    do(shop, "delete from jobs where queue = 'orders'")
    for _ in range(2):
        look(shop)
    # Then they are told so, once
    assert alerts(shop) == [("queue_unmanned", "orders", False)]
    over = [
        ("ar@example.com", "خلصت: مفيش عامل شغّال على طابور orders"),
        ("en@example.com", "Over: No worker serves the queue orders"),
    ]
    assert mails(shop, sandbox) == sorted(opened + over)

    # When it comes again, then it is another alert
    do(shop, WAITS.format("7 min"))
    look(shop)
    assert alerts(shop) == [("queue_unmanned", "orders", False), ("queue_unmanned", "orders", True)]


def test_an_alert_is_over_only_when_it_was_not_so_for_a_while(shop: Ledger) -> None:
    # Given one that was so a moment ago
    shop.set(alert_quiet_seconds=60)
    do(shop, WAITS.format("7 min"))
    look(shop)
    do(shop, "delete from jobs where queue = 'orders'")
    # When / Then
    look(shop)
    assert alerts(shop) == [("queue_unmanned", "orders", True)]
    do(shop, "update alerts set seen_at = seen_at - interval '61 s'")
    look(shop)
    assert alerts(shop) == [("queue_unmanned", "orders", False)]


def test_of_two_who_see_it_at_once_one_opens_it(shop: Ledger, sandbox: SandboxProcess) -> None:
    # Given
    do(shop, WAITS.format("7 min"))

    def look_too() -> None:
        with closing(connect()) as another, transaction(another) as tx:
            evaluate(tx, RULES)

    second = threading.Thread(target=look_too)
    # When two look, the second before the first has committed
    with shop.transaction() as first:
        evaluate(first, RULES)
        second.start()
        wait_until(somebody_waits)
    second.join(10)
    # Then
    assert alerts(shop) == [("queue_unmanned", "orders", True)]
    assert len(mails(shop, sandbox)) == 2


def somebody_waits() -> bool:
    with closing(connect()) as third:
        waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return bool(third.execute(waits).fetchall())


def test_what_operators_are_told_does_not_wait_behind_the_crowd_that_it_is_about(shop: Ledger) -> None:
    # Given more messages than are handed over at once, due for long
    do(shop, *[WAITS.format("7 min").replace("'orders'", "'notifications'")] * 40)
    # When
    look(shop)
    shop.hand_over()
    # Then those to operators come first: two for each of both
    names = [claimed.name for claimed in shop.claim("notifications", 4)]
    assert sorted(names) == ["mail_operator", "mail_operator", "tell_operator", "tell_operator"]


def test_a_mail_is_sent_once_however_often_its_job_runs(shop: Ledger, sandbox: SandboxProcess) -> None:
    # Given alerts of which operators were told
    do(shop, WAITS.format("7 min"))
    look(shop)
    told = mails(shop, sandbox)
    # When all of those jobs are done again
    names = ("mail_operator", "tell_operator")
    again = "update jobs set state = 'scheduled', finished_at = null where name = any(%s)"
    shop.connection.execute(again, (list(names),))
    # Then nobody hears of it twice
    assert mails(shop, sandbox) == told
    assert len(shop.rows("select from notifications")) == 4


SEEN: dict[str, tuple[tuple[str, ...], str]] = {
    "queue_unmanned": ((WAITS.format("2 min"),), "orders"),
    "queue_silent": ((WAITS.format("2 min"), LIVE), "orders"),
    "queue_waits": ((WAITS.format("6 min"), LIVE, ENDED.format(1, "succeeded")), "orders"),
    "job_fails": ((ENDED.format(10, "failed"), ENDED.format(10, "succeeded")), "send_mail"),
    "job_dies": ((ENDED.format(3, "lost"),), "send_mail"),
    "task_fails": ((TASK.format("succeeded", 2), TASK.format("failed", 1), TASK.format("running", 0)), "orphans"),
    "order_stuck": ((FAILED.format(ID),), "cancel_order"),
    "orders_late": ((ORDER.format(ID),), "orders"),
    "payment_unknown": ((ORDER.format(ID), "update orders set status = 'confirmed'", PAYMENT.format(ID)), "payments"),
    "chain_blocked": ((CHAIN.format(ID),), "chains"),
    "event_parked": ((EVENT.format("clock_timestamp()"),), "OrderPlaced"),
    "facts_wait": ((EVENT.format("null"),), "facts"),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_sees_what_it_is_there_for(shop: Ledger, rule: str) -> None:
    # Given a shop in which nothing is wrong
    look(shop)
    assert alerts(shop) == []
    # When
    statements, subject = SEEN[rule]
    do(shop, *statements)
    look(shop)
    # Then
    assert alerts(shop) == [(rule, subject, True)]


NOT_SEEN: dict[str, tuple[str, ...]] = {
    "a paused queue": (WAITS.format("7 min"), "insert into paused_queues (queue, paused_by) values ('orders', 'Nour')"),
    "a queue that is busy": (WAITS.format("2 min"), LIVE, ENDED.format(1, "succeeded")),
    "few failures": (ENDED.format(19, "failed"),),
    "failures among many": (ENDED.format(9, "failed"), ENDED.format(11, "succeeded")),
    "releases": (ENDED.format(30, "released"),),
    "a failed job that calls nobody": (FAILED.format(ID).replace("cancel_order", "send_mail"),),
    "a task that succeeded in the end": (TASK.format("failed", 2), TASK.format("succeeded", 1)),
    "an order that is young": (ORDER.format(ID), "update orders set updated_at = clock_timestamp()"),
    "an order that is over": (ORDER.format(ID), "update orders set status = 'expired'"),
    "a chain that waits for its batch": (
        CHAIN.format(ID),
        f"insert into batches (id, chain_id, next_id) select gen_random_uuid(), '{ID}', id from jobs",
        "update jobs set attempt = 1",
    ),
    "a chain that goes on": (
        CHAIN.format(ID),
        LINK.format(ID),
    ),
}


@pytest.mark.parametrize("statements", NOT_SEEN.values(), ids=NOT_SEEN)
def test_no_rule_cries_wolf(shop: Ledger, statements: tuple[str, ...]) -> None:
    do(shop, *statements)
    look(shop)
    assert alerts(shop) == []


def test_chains_in_a_batch_whose_turn_has_not_come_wait_for_it(shop: Ledger) -> None:
    # Given a chain whose first link is delayed, and whose second is a batch of chains, one with a batch of its own
    inner = batch(chain(saw, glue).message("cedar-chest"))
    outer = batch(
        chain(saw, glue).message("walnut-desk"), chain(saw.message("shelf"), inner, glue.message("shelf")).message()
    )
    with shop.transaction() as tx:
        chain(write_down.message("in an hour", delay=3600), outer, write_down.message("done")).dispatch(tx)
    do(shop, "update jobs set created_at = created_at - interval '1 hour'")
    # When
    look(shop)
    # Then neither the rules nor the books are alarmed
    assert alerts(shop) == []
    assert books.check(shop.connection, quiet_seconds=0) == []
    # But when what they wait for is gone
    do(shop, "update jobs set state = 'failed', finished_at = clock_timestamp() where state = 'scheduled'")
    look(shop)
    # Then they are
    assert alerts(shop) == [("chain_blocked", "chains", True)]
    assert "nothing is left in its chain" in str(books.check(shop.connection, quiet_seconds=0))


def test_a_rule_that_breaks_silences_no_other_and_resolves_nothing(shop: Ledger) -> None:
    # Given an alert of a rule that breaks afterwards
    do(shop, WAITS.format("7 min"))
    look(shop)
    do(shop, "delete from jobs", ENDED.format(20, "failed"))
    # When
    with capture_logs() as said, shop.transaction() as tx:
        evaluate(tx, {"queue_unmanned": breaks, "queue_silent": asks_nonsense, "job_fails": RULES["job_fails"]})
    # Then
    assert alerts(shop) == [("queue_unmanned", "orders", True), ("job_fails", "send_mail", True)]
    assert [line["rule"] for line in said if line.get("alert") == "rule_broken"] == ["queue_unmanned", "queue_silent"]


def test_failures_are_seen_in_a_crowd_of_successes(shop: Ledger) -> None:
    # Given a job that fails, and after it more of another's successes than the figures look at
    do(shop, ENDED.format(20, "failed"), ENDED.format(3, "lost"))
    do(shop, ENDED.replace("send_mail", "note_delivery").format(AT_MOST, "succeeded"))
    # When
    look(shop)
    # Then
    assert alerts(shop) == [("job_dies", "send_mail", True), ("job_fails", "send_mail", True)]


def test_a_rule_that_takes_too_long_silences_no_other(shop: Ledger) -> None:
    # Given a table that a rule reads, and that somebody holds for long, and a job that fails often
    do(shop, ENDED.format(20, "failed"))
    with closing(connect()) as migrating, transaction(migrating) as tx:
        tx.execute("lock table products in access exclusive mode")
        tx.one("select 1")
        # When
        with capture_logs() as said, shop.transaction() as looking:
            evaluate(looking, {"desks": counts_the_desks, **RULES})
            limit = looking.one("show statement_timeout").statement_timeout
    # Then
    assert alerts(shop) == [("job_fails", "send_mail", True)]
    assert [line["rule"] for line in said if line.get("alert") == "rule_broken"] == ["desks"]
    # And what comes after the rules has its own time
    assert limit == "3500ms"


def counts_the_desks(look: Look) -> Iterator[tuple[str, str]]:
    return look.rows("select 'desks' as subject, count(*) as number, '' as example from products")


def breaks(_: Look) -> Iterator[tuple[str, str]]:
    raise KeyError("walnut-desk")


def asks_nonsense(look: Look) -> Iterator[tuple[str, str]]:
    return look.rows("select nonsense")


def test_a_stuck_order_is_an_alert_at_once_and_until_its_job_is_tried_again(shop: Ledger) -> None:
    # Given a job that failed for good and calls people
    order = new_id()
    do(shop, FAILED.format(order))
    shop.dispatch(call_operators, order, "cancel_order", "TimeoutError: the gateway is away")
    # When
    shop.work("orders", "notifications")
    # Then it is an alert before any rule looks, and stays one
    assert alerts(shop) == [("order_stuck", "cancel_order", True)]
    assert str(order) in shop.rows("select detail from alerts")[0].detail
    look(shop)
    assert alerts(shop) == [("order_stuck", "cancel_order", True)]
    # When an operator has it tried again
    (job,) = shop.named("cancel_order")
    with shop.transaction() as tx:
        assert operations.retry(tx, [job.id], "retried by Nour") == {job.id: None}
    look(shop)
    # Then
    assert alerts(shop) == [("order_stuck", "cancel_order", False)]


def test_books_that_do_not_balance_are_an_alert_until_they_do(shop: Ledger) -> None:
    # Given a desk too many
    do(shop, "alter table products drop constraint products_on_hand")
    do(
        shop,
        "insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand)"
        " values (gen_random_uuid(), 'walnut-desk', 'Walnut desk', 'مكتب', 250000, 'EGP', 5, 6)",
    )
    # When
    checked(shop)
    # Then
    assert alerts(shop) == [("books", "books", True)]
    assert "product walnut-desk: 6 on hand is not 5 received" in shop.rows("select detail from alerts")[0].detail
    # When no other rule's look resolves it, but counting again does
    look(shop)
    assert alerts(shop) == [("books", "books", True)]
    do(shop, "update products set received = 6")
    checked(shop)
    assert alerts(shop) == [("books", "books", False)]


def test_books_that_take_too_long_have_failed_and_are_not_checked_again_at_once(shop: Ledger) -> None:
    # Given somebody who holds a table that is counted
    job = shop.dispatch(check_books)
    shop.hand_over()
    (claimed,) = shop.claim()

    def check() -> None:
        shop.run(claimed)
        close_thread_connection()

    checking = threading.Thread(target=check)
    with closing(connect()) as migrating, transaction(migrating) as tx:
        tx.execute("lock table products in access exclusive mode")
        tx.one("select 1")
        checking.start()
        wait_until(somebody_waits)
        # When PostgreSQL says that it takes too long
        tx.one("select pg_cancel_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'")
    checking.join(10)
    # Then
    row = shop.job(job)
    assert (row.state, row.failures, row.deferrals) == ("scheduled", 1, 0)
    assert row.error == "TimeoutError: the books took longer than PostgreSQL lets them"


def checked(ledger: Ledger) -> None:
    """Let the scheduled job check the books."""
    ledger.dispatch(check_books)
    ledger.work("default", "notifications")


def test_the_rules_are_looked_at_by_a_job(shop: Ledger) -> None:
    # Given
    do(shop, WAITS.format("7 min").replace("'orders'", "'media'"))
    # When
    shop.dispatch(evaluate_alerts)
    shop.hand_over()
    for claimed in shop.claim("orders"):
        shop.run(claimed)
    # Then
    assert alerts(shop) == [("queue_unmanned", "media", True)]
