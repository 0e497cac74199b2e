"""How often someone tried, counted in PostgreSQL: Redis down opens no door."""

from typing import Any

from shared.db.sql import pruning
from shared.db.transaction import Transaction

_WINDOW = "interval '5 minutes'"
_START = f"date_bin({_WINDOW}, now(), timestamptz 'epoch')"

# The place's row comes first, everywhere: two sign-ins cannot wait for each other in a circle. And a place that has
# tried too often writes nothing else: it could fill the table with addresses it makes up.
HIT = f"""
with place as (
    insert into rate_limits (key, window_start, hits) values ('address:' || %(address)s, {_START}, 1)
    on conflict (key, window_start) do update set hits = rate_limits.hits + 1
    returning key, window_start, hits
), email as (
    insert into rate_limits (key, window_start, hits)
    select 'email:' || lower(%(email)s), {_START}, 1 from place where place.hits <= %(most)s
    on conflict (key, window_start) do update set hits = rate_limits.hits + 1
    returning key, window_start, hits
)
select split_part(key, ':', 1) as kind, hits,
       ceil(extract(epoch from window_start + {_WINDOW} - now()))::int as seconds_left
from (select * from place union all select * from email) as tried
"""

FORGIVE = f"""
with mine as (
    select key, window_start from rate_limits
    where key in ('address:' || %(address)s, 'email:' || lower(%(email)s)) and window_start = {_START}
    order by key for update
)
update rate_limits set hits = greatest(hits - 1, 0) from mine
where rate_limits.key = mine.key and rate_limits.window_start = mine.window_start
"""

PRUNE = pruning.old("rate_limits", "key, window_start", "window_start", "1 day")


def hit(tx: Transaction, email: str, address: str, most: int) -> list[Any]:
    """Count an attempt before it is made, so that many at once do not slip through; (kind, hits, seconds_left) each.

    most: how many attempts of one place are counted by the user's address too.
    """
    return tx.all(HIT, {"email": email, "address": address, "most": most})


def forgive(tx: Transaction, email: str, address: str) -> None:
    """Take an attempt back: it was right."""
    tx.execute(FORGIVE, {"email": email, "address": address})


def prune(tx: Transaction) -> bool:
    """Forget some of the counts of past days; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
