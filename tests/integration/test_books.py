"""The books of a shop with many orders take longer to check than any other transaction may last."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from shared import books
from shared.db.engine import connect
from shared.db.transaction import transaction
from tests.ledger import Ledger
from tests.waiting import wait_until

#: The checker waits for a lock, and began longer ago than its connection allows.
LATE = """
select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
and now() - xact_start > interval '400 ms'
"""


@pytest.mark.usefixtures("environment")
def test_the_books_are_checked_however_long_it_takes() -> None:
    # Given a connection whose transactions and statements are ended after 0.3 s
    with (
        closing(connect()) as checking,
        closing(connect()) as other,
        closing(connect()) as watching,
        ThreadPoolExecutor() as threads,
    ):
        checking.execute("set transaction_timeout = '300ms'")
        checking.execute("set statement_timeout = '300ms'")
        # When a check has to wait for longer
        with transaction(other) as tx:
            tx.execute("lock table daily_sales in access exclusive mode")
            tx.one("select 1")  # which sends it
            check = threads.submit(books.check, checking)
            wait_until(lambda: watching.execute(LATE).fetchall() or check.done())
        # Then it still comes to its end
        assert check.result() == []
        # And what follows on that connection is in as much of a hurry as before
        assert checking.execute("show transaction_timeout").fetchall() == [("300ms",)]
        assert checking.execute("show statement_timeout").fetchall() == [("300ms",)]


def test_a_job_of_a_paused_queue_is_due_for_as_long_as_operators_want(ledger: Ledger) -> None:
    # Given a job that nobody has run for an hour
    ledger.connection.execute(
        "insert into jobs (id, name, queue, args, available_at)"
        " values (gen_random_uuid(), 'send_sms', 'notifications', '[]', clock_timestamp() - interval '1 hour')"
    )
    assert "job send_sms" in str(books.check(ledger.connection))
    # When that is because its queue is paused
    ledger.connection.execute("insert into paused_queues (queue, paused_by) values ('notifications', 'Nour')")
    # Then it is no fault
    assert books.check(ledger.connection) == []
