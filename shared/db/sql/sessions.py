"""Sessions in SQL: opened by a password, asked for by every request, renewed, revoked."""

from typing import Any
from uuid import UUID

from shared.db.sql import pruning
from shared.db.transaction import Transaction
from shared.events.catalogue import SessionRevoked
from shared.events.record import record

_IDLE = "interval '12 hours'"
_LONGEST = "interval '30 days'"
_LIVES = "revoked_at is null and expires_at > clock_timestamp()"

OPEN = f"insert into sessions (id, user_id, expires_at) values (%s, %s, clock_timestamp() + {_IDLE})"

#: One row while the session lives: whose it is and what they may do now. Who changes it changes
#: `shared.db.reads.users.WHO` too, which asks the same for reads.
WHO = f"""
select u.id as user_id, u.role from sessions s join users u on u.id = s.user_id where s.id = %s and s.{_LIVES}
"""

RENEW = f"""
update sessions set renewed_at = clock_timestamp(),
                    expires_at = least(clock_timestamp() + {_IDLE}, created_at + {_LONGEST})
where id = %s
"""

#: One row for whoever ends it; none if somebody has been faster.
REVOKE = "update sessions set revoked_at = clock_timestamp() where id = %s and revoked_at is null returning user_id"

#: A batch of those that nobody renewed in time. Who is just renewing one keeps it.
EXPIRE = f"""
update sessions set revoked_at = clock_timestamp() where id in (
    select id from sessions where revoked_at is null and expires_at < clock_timestamp()
    limit {pruning.BATCH} for update skip locked
) returning id, user_id
"""

PRUNE = pruning.old("sessions", "id", "expires_at", "7 days")


def open_one(tx: Transaction, session_id: UUID, user_id: UUID) -> None:
    tx.execute(OPEN, (session_id, user_id))


def who(tx: Transaction, session_id: UUID) -> Any:
    """Return (user_id, role), or None if the session has ended."""
    return tx.one(WHO, (session_id,))


def renew(tx: Transaction, session_id: UUID) -> None:
    tx.execute(RENEW, (session_id,))


def revoke(tx: Transaction, session_id: UUID) -> None:
    """End a session, and record that it ended: who hears of it closes the sockets that it opened."""
    if revoked := tx.one(REVOKE, (session_id,)):
        record(tx, SessionRevoked(session_id=session_id, user_id=revoked.user_id))


def end_expired(tx: Transaction) -> bool:
    """End some of the sessions that nobody renewed, as `revoke` does; say whether there may be more."""
    expired = tx.all(EXPIRE)
    for session in expired:
        record(tx, SessionRevoked(session_id=session.id, user_id=session.user_id))
    return len(expired) == pruning.BATCH


def prune(tx: Transaction) -> bool:
    """Forget some of the sessions that ended a week ago; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
