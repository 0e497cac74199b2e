"""What providers tell us, in SQL: kept once by their own id, and which of our rows it is about."""

from uuid import UUID

from shared.db.sql import pruning
from shared.db.transaction import Transaction

KEEP = """
insert into webhooks (provider, external_id, kind, payload) values (%s, %s, %s, %s::jsonb)
on conflict do nothing returning external_id
"""
PAYMENT = "select id, intent_id from payments where intent_id = %(intent)s or id = %(id)s"
NOTIFICATION = "select id from notifications where id = %(id)s or provider_id = %(provider)s"
PRUNE = pruning.old("webhooks", "provider, external_id", "received_at", "30 days")


def keep(tx: Transaction, provider: str, external_id: str, kind: str, read: str) -> bool:
    """Store what we read of it, as JSON: bodies have secrets and phone numbers. False if it was told before."""
    return tx.one(KEEP, (provider, external_id, kind, read)) is not None


def payment_of(tx: Transaction, intent_id: str, payment_id: UUID | None) -> UUID | None:
    """Find the payment by its intent, or by the id that we gave the gateway with it."""
    row = tx.one(PAYMENT, {"intent": intent_id, "id": payment_id})
    return row.id if row else None


def notification_of(tx: Transaction, provider_id: str, notification_id: UUID | None) -> UUID | None:
    row = tx.one(NOTIFICATION, {"provider": provider_id, "id": notification_id})
    return row.id if row else None


def prune(tx: Transaction) -> bool:
    """Forget some of what was told a month ago; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
