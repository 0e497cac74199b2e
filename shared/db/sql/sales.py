"""The day's sales in SQL, as operators read them."""

from typing import Any

from shared.db.transaction import Transaction

BY_DAY = """
select day, currency, sum(orders)::int as orders, sum(revenue)::bigint as revenue, sum(refunds)::int as refunds,
       sum(refunded)::bigint as refunded
from daily_sales group by day, currency order by day desc, currency limit %s
"""


def by_day(tx: Transaction, limit: int) -> list[Any]:
    """Return the sums over the shards, the newest day first."""
    return tx.all(BY_DAY, (limit,))
