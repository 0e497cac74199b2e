"""How often someone tried, counted in PostgreSQL: Redis down opens no door."""

from typing import Any

from shared.db.sql import pruning
from shared.db.transaction import Transaction

_WINDOW = "interval '5 minutes'"
_START = f"date_bin({_WINDOW}, now(), timestamptz 'epoch')"

# Both rows in one statement and always in this order: two sign-ins cannot wait for each other in a circle.
HIT = f"""
insert into rate_limits (key, window_start, hits)
values ('email:' || lower(%(email)s), {_START}, 1), ('address:' || %(address)s, {_START}, 1)
on conflict (key, window_start) do update set hits = rate_limits.hits + 1
returning split_part(key, ':', 1) as kind, hits,
          ceil(extract(epoch from window_start + {_WINDOW} - now()))::int as seconds_left
"""

FORGIVE = f"""
update rate_limits set hits = greatest(hits - 1, 0)
where key in ('email:' || lower(%(email)s), 'address:' || %(address)s) and window_start = {_START}
"""

PRUNE = pruning.old("rate_limits", "key, window_start", "window_start", "1 day")


def hit(tx: Transaction, email: str, address: str) -> list[Any]:
    """Count an attempt before it is made, so that many at once do not slip through; (kind, hits, seconds_left) each."""
    return tx.all(HIT, {"email": email, "address": address})


def forgive(tx: Transaction, email: str, address: str) -> None:
    """Take an attempt back: it was right."""
    tx.execute(FORGIVE, {"email": email, "address": address})


def prune(tx: Transaction) -> bool:
    """Forget some of the counts of past days; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
