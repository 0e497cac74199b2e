"""What providers tell us, in SQL: kept once by their own id, and which of our rows it is about."""

from uuid import UUID

from shared.db.transaction import Transaction

KEEP = """
insert into webhooks (provider, external_id, kind, payload) values (%s, %s, %s, to_jsonb(%s::text))
on conflict do nothing returning external_id
"""
PAYMENT = "select id, intent_id from payments where intent_id = %(intent)s or id = %(id)s"
NOTIFICATION = "select id from notifications where id = %(id)s or provider_id = %(provider)s"
PRUNE = "delete from webhooks where received_at < clock_timestamp() - interval '30 days'"


def keep(tx: Transaction, provider: str, external_id: str, kind: str, body: str) -> bool:
    """Store what was told, to the byte; False if it was told before."""
    return tx.one(KEEP, (provider, external_id, kind, body)) is not None


def payment_of(tx: Transaction, intent_id: str, payment_id: UUID | None) -> UUID | None:
    """Find the payment by its intent, or by the id that we gave the gateway with it."""
    row = tx.one(PAYMENT, {"intent": intent_id, "id": payment_id})
    return row.id if row else None


def notification_of(tx: Transaction, provider_id: str, notification_id: UUID | None) -> UUID | None:
    row = tx.one(NOTIFICATION, {"provider": provider_id, "id": notification_id})
    return row.id if row else None


def prune(tx: Transaction) -> None:
    tx.execute(PRUNE)
