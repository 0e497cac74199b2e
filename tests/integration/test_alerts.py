"""Operators are called once for what is wrong, and told once when it is over."""

import threading
from contextlib import closing

from services.worker.alert_rules import RULES, evaluate, evaluate_alerts
from services.worker.alerts import call_operators
from services.worker.housekeeping import check_books
from shared.db.engine import close_thread_connection, connect
from shared.db.transaction import transaction
from shared.ids import new_id
from shared.jobs import operations
from tests.alerting import FAILED, WAITS, alerts, do, look, mails, somebody_waits
from tests.ledger import Ledger
from tests.sandbox import SandboxProcess
from tests.waiting import wait_until


def test_operators_are_told_once_that_it_is_so_and_once_that_it_is_over(
    watched: Ledger, sandbox: SandboxProcess
) -> None:
    # Given a job that has waited for minutes, and nobody to run it
    do(watched, WAITS.format("7 min"))
    # When the rules are looked at again and again
    for _ in range(3):
        look(watched)
    # Then each operator has one mail, in their language
    assert alerts(watched) == [("queue_unmanned", "orders", True)]
    opened = [
        ("ar@example.com", "تنبيه: مفيش عامل شغّال على طابور orders"),
        ("en@example.com", "Alert: No worker serves the queue orders"),
    ]
    assert mails(watched, sandbox) == opened
    # And it is in their inbox, and the mail says what was seen
    inbox = watched.rows("select body from notifications where channel = 'database' and locale = 'en'")
    assert len(inbox) == 1
    assert "1 jobs wait, the oldest for 42" in inbox[0].body
    assert "1 jobs wait" in sandbox.mailbox(to="en@example.com")[0]["text"]
    assert '<html lang="ar" dir="rtl">' in sandbox.mailbox(to="ar@example.com")[0]["html"]

    # When it is over
    do(watched, "delete from jobs where queue = 'orders'")
    for _ in range(2):
        look(watched)
    # Then they are told so, once
    assert alerts(watched) == [("queue_unmanned", "orders", False)]
    over = [
        ("ar@example.com", "خلصت: مفيش عامل شغّال على طابور orders"),
        ("en@example.com", "Over: No worker serves the queue orders"),
    ]
    assert mails(watched, sandbox) == sorted(opened + over)

    # When it comes again, then it is another alert
    do(watched, WAITS.format("7 min"))
    look(watched)
    assert alerts(watched) == [("queue_unmanned", "orders", False), ("queue_unmanned", "orders", True)]


def test_an_alert_is_over_only_when_it_was_not_so_for_a_while(watched: Ledger) -> None:
    # Given one that was so a moment ago
    watched.set(alert_quiet_seconds=60)
    do(watched, WAITS.format("7 min"))
    look(watched)
    do(watched, "delete from jobs where queue = 'orders'")
    # When / Then
    look(watched)
    assert alerts(watched) == [("queue_unmanned", "orders", True)]
    do(watched, "update alerts set seen_at = seen_at - interval '61 s'")
    look(watched)
    assert alerts(watched) == [("queue_unmanned", "orders", False)]


def test_of_two_who_see_it_at_once_one_opens_it(watched: Ledger, sandbox: SandboxProcess) -> None:
    # Given
    do(watched, WAITS.format("7 min"))

    def look_too() -> None:
        with closing(connect()) as another, transaction(another) as tx:
            evaluate(tx, RULES)

    second = threading.Thread(target=look_too)
    # When two look, the second before the first has committed
    with watched.transaction() as first:
        evaluate(first, RULES)
        second.start()
        wait_until(somebody_waits)
    second.join(10)
    # Then
    assert alerts(watched) == [("queue_unmanned", "orders", True)]
    assert len(mails(watched, sandbox)) == 2


def test_what_operators_are_told_does_not_wait_behind_the_crowd_that_it_is_about(watched: Ledger) -> None:
    # Given more messages than are handed over at once, due for long
    do(watched, *[WAITS.format("7 min").replace("'orders'", "'notifications'")] * 40)
    # When
    look(watched)
    watched.hand_over()
    # Then those to operators come first: two for each of both
    names = [claimed.name for claimed in watched.claim("notifications", 4)]
    assert sorted(names) == ["mail_operator", "mail_operator", "tell_operator", "tell_operator"]


def test_a_mail_is_sent_once_however_often_its_job_runs(watched: Ledger, sandbox: SandboxProcess) -> None:
    # Given alerts of which operators were told
    do(watched, WAITS.format("7 min"))
    look(watched)
    told = mails(watched, sandbox)
    # When all of those jobs are done again
    names = ("mail_operator", "tell_operator")
    again = "update jobs set state = 'scheduled', finished_at = null where name = any(%s)"
    watched.connection.execute(again, (list(names),))
    # Then nobody hears of it twice
    assert mails(watched, sandbox) == told
    assert len(watched.rows("select from notifications")) == 4


def test_a_stuck_order_is_an_alert_at_once_and_until_its_job_is_tried_again(watched: Ledger) -> None:
    # Given a job that failed for good and calls people
    order = new_id()
    do(watched, FAILED.format(order))
    watched.dispatch(call_operators, order, "cancel_order", "TimeoutError: the gateway is away")
    # When
    watched.work("orders", "notifications")
    # Then it is an alert before any rule looks, and stays one
    assert alerts(watched) == [("order_stuck", "cancel_order", True)]
    assert str(order) in watched.rows("select detail from alerts")[0].detail
    look(watched)
    assert alerts(watched) == [("order_stuck", "cancel_order", True)]
    # When an operator has it tried again
    (job,) = watched.named("cancel_order")
    with watched.transaction() as tx:
        assert operations.retry(tx, [job.id], "retried by Nour") == {job.id: None}
    look(watched)
    # Then
    assert alerts(watched) == [("order_stuck", "cancel_order", False)]


def test_books_that_do_not_balance_are_an_alert_until_they_do(watched: Ledger) -> None:
    # Given a desk too many
    do(watched, "alter table products drop constraint products_on_hand")
    do(
        watched,
        "insert into products (id, slug, name_en, name_ar, price, currency, received, on_hand)"
        " values (gen_random_uuid(), 'walnut-desk', 'Walnut desk', 'مكتب', 250000, 'EGP', 5, 6)",
    )
    # When
    checked(watched)
    # Then
    assert alerts(watched) == [("books", "books", True)]
    assert "product walnut-desk: 6 on hand is not 5 received" in watched.rows("select detail from alerts")[0].detail
    # When no other rule's look resolves it, but counting again does
    look(watched)
    assert alerts(watched) == [("books", "books", True)]
    do(watched, "update products set received = 6")
    checked(watched)
    assert alerts(watched) == [("books", "books", False)]


def test_books_that_take_too_long_have_failed_and_are_not_checked_again_at_once(watched: Ledger) -> None:
    # Given somebody who holds a table that is counted
    job = watched.dispatch(check_books)
    watched.hand_over()
    (claimed,) = watched.claim()

    def check() -> None:
        watched.run(claimed)
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
    row = watched.job(job)
    assert (row.state, row.failures, row.deferrals) == ("scheduled", 1, 0)
    assert row.error == "TimeoutError: the books took longer than PostgreSQL lets them"


def checked(ledger: Ledger) -> None:
    """Let the scheduled job check the books."""
    ledger.dispatch(check_books)
    ledger.work("default", "notifications")


def test_the_rules_are_looked_at_by_a_job(watched: Ledger) -> None:
    # Given
    do(watched, WAITS.format("7 min").replace("'orders'", "'media'"))
    # When
    watched.dispatch(evaluate_alerts)
    watched.hand_over()
    for claimed in watched.claim("orders"):
        watched.run(claimed)
    # Then
    assert alerts(watched) == [("queue_unmanned", "media", True)]
