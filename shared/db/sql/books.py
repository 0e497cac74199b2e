"""The books in SQL: each query finds what must not be, one sentence (`what`) for each case."""

from shared.db.sql.stalled import NOTHING_FREES_IT

_UNTOUCHED = "clock_timestamp() - make_interval(secs => %(quiet)s)"
_OVERDUE = "clock_timestamp() - make_interval(secs => %(quiet)s + %(open)s)"

SNAPSHOT = "set transaction isolation level repeatable read, read only"

# All orders that ever were are counted: with millions of them that takes longer than anything else may.
PATIENT = "set local statement_timeout = '60s'"
# Two statements, for PostgreSQL does not wind up a clock again that runs already.
PATIENT_IN_ALL = ("set local transaction_timeout = 0", "set local transaction_timeout = '60s'")

PIECES = """
select concat('product ', slug, ': ', on_hand, ' on hand is not ', received, ' received - ', sold, ' sold') as what
from products where on_hand <> received - sold
union all
select concat('product ', slug, ': ', reserved, ' reserved of ', on_hand, ' on hand')
from products where reserved < 0 or reserved > on_hand
"""

RESERVED = """
with held as (
    select i.product_id, sum(i.quantity) as pieces from orders o join order_items i on i.order_id = o.id
    where o.status in ('reserved', 'confirmed') or o.status = 'shipped' and o.settled_at is null group by i.product_id
)
select concat('product ', p.slug, ': ', p.reserved, ' reserved, but open orders hold ', coalesce(h.pieces, 0)) as what
from products p left join held h on h.product_id = p.id where p.reserved <> coalesce(h.pieces, 0)
"""

SOLD = """
with gone as (
    select i.product_id, sum(i.quantity) as pieces from orders o join order_items i on i.order_id = o.id
    where o.settled_at is not null group by i.product_id
)
select concat('product ', p.slug, ': ', p.sold, ' sold, but settled orders took ', coalesce(g.pieces, 0)) as what
from products p left join gone g on g.product_id = p.id where p.sold <> coalesce(g.pieces, 0)
"""

PAYMENTS = f"""
select concat('order ', o.id, ': ', o.status, ', but its payment is ', coalesce(p.status, 'missing')) as what
from orders o left join payments p on p.order_id = o.id
where o.updated_at < {_UNTOUCHED} and (
    o.status in ('confirmed', 'shipped') and o.cancel_requested_at is null and p.status is distinct from 'succeeded'
    or o.status in ('rejected', 'cancelled', 'expired') and p.status not in ('declined', 'canceled', 'refunded'))
"""

NOTIFICATIONS = f"""
select concat('notification ', id, ' (', kind, ', ', channel, '): not sent since ', created_at) as what
from notifications where status = 'pending' and created_at < {_UNTOUCHED}
union all
select concat('notification ', id, ' (', kind, '): a mail that was sent without a Message-ID')
from notifications where channel = 'mail' and status = 'sent' and message_id is null
"""

OPEN_TOO_LONG = f"""
select concat('order ', id, ': placed since ', placed_at) as what
from orders where status = 'placed' and updated_at < {_OVERDUE}
union all
select concat('order ', id, ': reserved, though it should have expired at ', expires_at)
from orders where status = 'reserved' and expires_at < {_UNTOUCHED}
union all
select concat('order ', id, ': ', status, ', though its cancellation was requested at ', cancel_requested_at)
from orders where status in ('placed', 'reserved', 'confirmed') and cancel_requested_at < {_UNTOUCHED}
union all
select concat('order ', id, ': shipped, but its pieces are not settled')
from orders where status = 'shipped' and settled_at is null and updated_at < {_UNTOUCHED}
union all
select concat('payment ', id, ': outcome unknown (', doubt, ') since ', updated_at)
from payments where status = 'pending' and doubt is not null and updated_at < {_UNTOUCHED}
union all
select concat('payment ', id, ': refunding since ', updated_at)
from payments where status = 'refunding' and updated_at < {_UNTOUCHED}
"""

LEDGER = f"""
select concat('job ', name, ' ', id, ': its lease ended at ', lease_until, ' and nobody took it back') as what
from jobs where state = 'running' and lease_until < {_UNTOUCHED}
union all
select concat('job ', name, ' ', id, ': due since ', available_at)
from jobs where state = 'scheduled' and available_at < {_OVERDUE}
    and not exists (select 1 from paused_queues p where p.queue = jobs.queue)
union all
select concat('job ', name, ' ', id, ': blocked, but nothing is left in its chain that could free it')
from jobs j where state = 'blocked' and {NOTHING_FREES_IT}
union all
select concat('event ', name, ' ', id, ': parked, ', parked_reason) from events where parked_at is not null
union all
select concat('event ', name, ' ', id, ': recorded at ', occurred_at, ' and followed by nothing')
from events where position is null and parked_at is null and occurred_at < {_UNTOUCHED}
"""

SALES = f"""
with counted as (select coalesce(sum(orders), 0) as orders from daily_sales),
     facts as (select count(*) as all, count(*) filter (where occurred_at < {_UNTOUCHED}) as untouched
               from events where name = 'OrderConfirmed')
select concat('analytics: ', c.orders, ' orders in the day''s sales, ', f.untouched, ' to ', f.all,
              ' were confirmed') as what
from counted c, facts f where c.orders not between f.untouched and f.all
"""

ALL = (PIECES, RESERVED, SOLD, PAYMENTS, NOTIFICATIONS, OPEN_TOO_LONG, LEDGER, SALES)

#: What each order that has been left alone says of its money; `charged` is what the gateway must agree with.
MONEY = f"""
select o.id, o.status, o.total, lower(o.currency) as currency, p.id as payment_id, p.intent_id,
       o.status in ('confirmed', 'shipped') as charged
from orders o left join payments p on p.order_id = o.id
where o.updated_at < {_UNTOUCHED}
  and (o.status in ('shipped', 'rejected', 'cancelled', 'expired')
       or o.status = 'confirmed' and o.cancel_requested_at is null)
"""

KNOWN = "select id, intent_id from payments where id = any(%(ids)s) or intent_id = any(%(intents)s)"
