"""The facts in a test's ledger: one of them, the positions of all, and what the live streams hold of them."""

from typing import Any
from uuid import UUID

from shared.broadcasting import keys
from tests.ledger import Ledger


def fact(ledger: Ledger, event_id: UUID) -> Any:
    return ledger.rows("select * from events where id = %s", (event_id,))[0]


def stream(ledger: Ledger) -> list[tuple[str, dict[bytes, bytes]]]:
    return _entries(ledger, keys.BUS)


def channel(ledger: Ledger, wire_name: str) -> list[tuple[str, dict[bytes, bytes]]]:
    return _entries(ledger, keys.channel(wire_name))


def _entries(ledger: Ledger, key: str) -> list[tuple[str, dict[bytes, bytes]]]:
    entries: Any = ledger.redis.xrange(key)
    return [(entry_id.decode(), fields) for entry_id, fields in entries]


def positions(ledger: Ledger) -> list[int]:
    return [row.position for row in ledger.rows("select position from events where position > 0 order by position")]
