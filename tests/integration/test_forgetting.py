"""What has had its time is forgotten by the relay, a batch at a time; what still has time stays."""

from contextlib import closing
from uuid import UUID

from services.worker.relay import FORGETTING
from shared.db.engine import connect
from shared.db.sql import rate_limits
from shared.db.sql.pruning import BATCH
from shared.db.transaction import transaction
from shared.ids import new_id
from tests.ledger import Ledger
from tests.waiting import wait_until

#: Everybody's is once old and once as young as it can be without being forgotten.
ROWS = """
insert into users (id, email, name, password_hash) values (%(user)s, 'layla@example.com', 'ليلى', '');
insert into idempotency_keys (user_id, key, request_hash, created_at)
values (%(user)s, 'old', '', now() - interval '25 hours'), (%(user)s, 'young', '', now() - interval '23 hours');
insert into rate_limits (key, window_start)
values ('email:old', now() - interval '25 hours'), ('email:young', now() - interval '23 hours');
insert into sessions (id, user_id, expires_at)
values (gen_random_uuid(), %(user)s, now() - interval '8 days'), (%(user)s, %(user)s, now() - interval '6 days');
insert into webhooks (provider, external_id, kind, payload, received_at)
values ('stripe', 'old', '', '{}', now() - interval '31 days'),
       ('stripe', 'young', '', '{}', now() - interval '29 days')
"""
LEFT = """
select key as what from idempotency_keys union all select key from rate_limits
union all select external_id from webhooks union all select 'young' from sessions where id = user_id
union all select 'old' from sessions where id <> user_id
"""
MANY = """
insert into rate_limits (key, window_start)
select 'email:' || n, now() - interval '2 days' from generate_series(1, %s) n
"""


def left(ledger: Ledger) -> list[str]:
    return sorted(row.what for row in ledger.rows(LEFT))


def test_a_relay_forgets_what_has_had_its_time_and_nothing_else(ledger: Ledger) -> None:
    # Given
    user = new_id()
    for statement in ROWS.split(";"):
        ledger.connection.execute(statement, {"user": user})
    # When
    ledger.relay()
    # Then
    wait_until(lambda: left(ledger) == ["email:young", "young", "young", "young"])


def test_a_session_that_nobody_renewed_has_ended_like_one_that_was_signed_out(ledger: Ledger) -> None:
    """Or its sockets would be open for ever: a fact is what closes them."""
    # Given three sessions: over, renewed in time, and over but signed out before
    over, lives, signed_out = new_id(), new_id(), new_id()
    ledger.connection.execute(
        "insert into users (id, email, name, password_hash) values (%(over)s, 'layla@example.com', 'ليلى', '')",
        {"over": over},
    )
    ledger.connection.execute(
        "insert into sessions (id, user_id, expires_at, revoked_at) values"
        " (%(over)s, %(over)s, now() - interval '1 second', null),"
        " (%(lives)s, %(over)s, now() + interval '1 hour', null),"
        " (%(signed_out)s, %(over)s, now() - interval '1 second', now() - interval '1 hour')",
        {"over": over, "lives": lives, "signed_out": signed_out},
    )
    # When two relays tidy up
    ledger.relay()
    ledger.relay()
    # Then it is told once of the one that is over
    wait_until(ledger.all_expanded)
    wait_until(lambda: ended(ledger) == [over])
    for prune in FORGETTING:
        with ledger.transaction() as tx:
            prune(tx)
    assert ended(ledger) == [over]


def ended(ledger: Ledger) -> list[UUID]:
    return [row.aggregate_id for row in ledger.rows("select aggregate_id from events where name = 'SessionRevoked'")]


def test_much_is_forgotten_in_batches_one_soon_after_the_other(ledger: Ledger) -> None:
    # Given more than two batches
    ledger.connection.execute(MANY, (2 * BATCH + 1,))
    # When each thing's batch was deleted once
    for prune in FORGETTING:
        with ledger.transaction() as tx:
            prune(tx)
    # Then no more than a batch is gone
    assert len(left(ledger)) == BATCH + 1
    # And a relay does not wait a minute for the next
    ledger.relay()
    wait_until(lambda: left(ledger) == [])


def test_what_somebody_is_just_writing_is_left_alone(ledger: Ledger) -> None:
    # Given two old counts, of which somebody holds one
    ledger.connection.execute(MANY, (2,))
    with closing(connect()) as another, transaction(another) as theirs, ledger.transaction() as ours:
        theirs.one("select 1 from rate_limits where key = 'email:1' for update")
        # When / Then the other is deleted without waiting
        assert not rate_limits.prune(ours)
    assert left(ledger) == ["email:1"]
