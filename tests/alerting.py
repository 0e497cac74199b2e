"""What tests of alerts share: a shop that two operators watch, what may be wrong with it, what they are told."""

from collections.abc import Iterator
from contextlib import closing

import pytest

import services.worker.listeners  # noqa: F401 - with it all jobs are known, as in a unit
from services.worker.alert_rules import RULES, evaluate
from shared.db.engine import connect
from shared.ids import new_id
from shared.jobs.collaborators import provide
from shared.notifications.mail import Mailer
from tests.ledger import Ledger
from tests.notifying import SHOP
from tests.sandbox import SandboxProcess

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
def watched(ledger: Ledger, sandbox: SandboxProcess) -> Iterator[Ledger]:
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


def somebody_waits() -> bool:
    with closing(connect()) as third:
        waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return bool(third.execute(waits).fetchall())
