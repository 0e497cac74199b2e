"""Users in SQL."""

from typing import Any

from shared.db.transaction import Transaction

BY_EMAIL = """
select id, email, name, phone, locale, role, password_hash from users where lower(email) = lower(%s)
"""

INSERT = """
insert into users (id, email, name, phone, locale, role, password_hash)
values (%(id)s, %(email)s, %(name)s, %(phone)s, %(locale)s, %(role)s, %(password_hash)s)
on conflict (lower(email)) do nothing
"""
KNOWN = "select lower(email) as email from users"


def by_email(tx: Transaction, email: str) -> Any:
    return tx.one(BY_EMAIL, (email,))


def insert(tx: Transaction, user: dict[str, Any]) -> None:
    """Add a user, unless there is one with that address."""
    tx.execute(INSERT, user)


def known(tx: Transaction) -> set[str]:
    """Return every address that has a user."""
    return {row.email for row in tx.all(KNOWN)}
