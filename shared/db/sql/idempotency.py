"""Idempotency keys in SQL: whoever writes the key first does the work, everybody else gets the first one's answer."""

from typing import Any
from uuid import UUID

from shared.db.sql import pruning
from shared.db.transaction import Transaction

_VALID = "24 hours"

#: Insert first: a second request waits here for the first one's commit, as long as the connection waits for any lock
#: (shared/db/engine.py), and then finds no room. Only the winner draws an order number. A key older than its validity
#: is as good as new.
WIN_AND_NUMBER = f"""
with won as (
    insert into idempotency_keys as k (user_id, key, request_hash) values (%s, %s, %s)
    on conflict (user_id, key) do update
        set request_hash = excluded.request_hash, answer = null, created_at = clock_timestamp()
        where k.created_at < clock_timestamp() - interval '{_VALID}'
    returning 1
)
select nextval('orders_number_seq') as number, clock_timestamp() as placed_at from won
"""

STORED = "select request_hash, answer from idempotency_keys where user_id = %s and key = %s"
KEEP = "update idempotency_keys set answer = to_jsonb(%s::text) where user_id = %s and key = %s"
PRUNE = pruning.old("idempotency_keys", "user_id, key", "created_at", _VALID)


def stored(tx: Transaction, user_id: UUID, key: str) -> Any:
    """Return (request_hash, answer) of the request that came first."""
    return tx.one(STORED, (user_id, key))


def keep(tx: Transaction, user_id: UUID, key: str, answer: str) -> None:
    """Store the first answer, to the byte, in the transaction that makes it true."""
    tx.execute(KEEP, (answer, user_id, key))


def prune(tx: Transaction) -> bool:
    """Forget some of the keys that are no longer valid; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
