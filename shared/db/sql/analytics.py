"""The day's sales in SQL: what was confirmed adds, what of it was refunded subtracts."""

from uuid import UUID

from shared.config import settings
from shared.db.transaction import Transaction

SHARDS = 16

# The day of the fact in the shop's time zone, whenever the job gets to run.
CONFIRMED = """
insert into daily_sales (day, currency, shard, orders, revenue)
select (e.occurred_at at time zone %(zone)s)::date, o.currency, %(shard)s, 1, o.total
from orders o join events e on e.aggregate_id = o.id and e.name = 'OrderConfirmed' where o.id = %(order)s
on conflict (day, currency, shard) do update
    set orders = daily_sales.orders + 1, revenue = daily_sales.revenue + excluded.revenue
"""

# An order that never was confirmed was never counted: its refund subtracts nothing.
REFUNDED = """
insert into daily_sales (day, currency, shard, refunds, refunded)
select (e.occurred_at at time zone %(zone)s)::date, o.currency, %(shard)s, 1, p.amount
from orders o join events e on e.aggregate_id = o.id and e.name = 'PaymentRefunded' join payments p on p.order_id = o.id
where o.id = %(order)s
  and exists (select 1 from events c where c.aggregate_id = o.id and c.name = 'OrderConfirmed')
on conflict (day, currency, shard) do update
    set refunds = daily_sales.refunds + 1, refunded = daily_sales.refunded + excluded.refunded
"""


def add_order(tx: Transaction, order_id: UUID) -> None:
    tx.execute(CONFIRMED, _parameters(order_id))


def subtract_refund(tx: Transaction, order_id: UUID) -> None:
    tx.execute(REFUNDED, _parameters(order_id))


def _parameters(order_id: UUID) -> dict[str, object]:
    # Sharded by the id's random end, so that no two workers wait for one row all day.
    return {"zone": settings().shop_time_zone, "shard": order_id.int % SHARDS, "order": order_id}
