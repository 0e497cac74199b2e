"""What operators do is written down in the transaction that does it."""

import json
from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction

INSERT = "insert into audit (user_id, action, subject, detail) values (%s, %s, %s, %s)"
NAME = "select name from users where id = %s"


def write(tx: Transaction, user_id: UUID, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
    """Say who did what to which thing: `write(tx, nour, "job.retry", "job 0192…")`."""
    tx.execute(INSERT, (user_id, action, subject, None if detail is None else json.dumps(detail, default=str)))


def name_of(tx: Transaction, user_id: UUID) -> str:
    """Return what people are shown of who did it."""
    name: str = tx.one(NAME, (user_id,)).name
    return name
