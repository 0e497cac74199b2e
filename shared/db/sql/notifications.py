"""Notifications in SQL: what a message needs to know, in one question; then its row, written once."""

from uuid import UUID

from shared.db.transaction import Transaction

# A message that was begun keeps the address, the language and the words with which it was first asked for.
_FIND = """
select o.id as aggregate_id, o.number, o.reason, o.total, o.currency, o.version, o.user_id, u.name, u.email, u.phone,
       coalesce(n.locale, u.locale) as locale,
       n.id, n.status, n.recipient, n.body, n.message_id, n.provider_id, n.asked_at,
       (select json_agg(json_build_object('quantity', i.quantity, 'price', i.quantity * i.unit_price, 'name',
               case coalesce(n.locale, u.locale) when 'ar' then i.name_ar else i.name_en end) order by i.product_id)
        from order_items i where i.order_id = o.id) as lines
from orders o
join users u on u.id = o.user_id
left join notifications n on n.event_id = %(event_id)s and n.kind = %(kind)s and n.channel = %(channel)s
                         and n.user_id = o.user_id
where o.id = %(order_id)s
"""
FIND = _FIND
FIND_LOCKING_ORDER = f"{_FIND} for no key update of o"

INSERT = """
insert into notifications (id, event_id, kind, channel, user_id, aggregate_id, recipient, locale, status, subject, body,
                           message_id, delivery, asked_at, sent_at)
values (%(id)s, %(event_id)s, %(kind)s, %(channel)s, %(user_id)s, %(aggregate_id)s, %(recipient)s, %(locale)s,
        %(status)s, %(subject)s, %(body)s, %(message_id)s, %(delivery)s,
        case when %(status)s = 'pending' then clock_timestamp() end,
        case when %(status)s = 'sent' then clock_timestamp() end)
"""

# The order is locked first, because the fact is recorded next; one statement, since nobody needs an answer in between.
SENT = """
with locked as (select id from orders where id = %(order_id)s for no key update)
update notifications set status = 'sent', sent_at = clock_timestamp(),
                         provider_id = coalesce(provider_id, %(provider_id)s)
from locked where notifications.id = %(id)s and status in ('pending', 'failed')
"""
# A job that was started by hand follows from no event: whatever of that kind is still pending is meant.
GIVEN_UP = """
update notifications set status = 'failed', delivery = %(reason)s
where aggregate_id = %(order_id)s and kind = %(kind)s and channel = %(channel)s and status = 'pending'
"""
FAILED = "update notifications set status = 'failed', delivery = %s where id = %s and status = 'pending'"

# Reports overtake one another: a message that arrived is not on its way again, and a last word stays the last.
REPORTED = """
with known as (
    select id, coalesce(array_position(%(steps)s, delivery), 0) as step from notifications
    where id = %(id)s or provider_id = %(provider_id)s for no key update
), moved as (
    update notifications set delivery = %(status)s, provider_id = coalesce(provider_id, %(provider_id)s)
    from known where notifications.id = known.id and known.step < coalesce(array_position(%(steps)s, %(status)s), 0)
      and not coalesce(delivery = any(%(last)s), false)
)
select count(*) as found from known
"""
LAST_WORDS = ["delivered", "undelivered", "failed", "canceled", "read"]
STEPS = ["accepted", "scheduled", "queued", "sending", "sent", *LAST_WORDS]


class UnknownToUs(LookupError):
    """No message of ours is known to the carrier by this id, or not yet."""


def give_up(tx: Transaction, order_id: UUID, kind: str, channel: str, reason: str) -> None:
    """Say that a message will not be sent any more, unless an operator has it tried again."""
    tx.execute(GIVEN_UP, {"order_id": order_id, "kind": kind, "channel": channel, "reason": reason})


def report(tx: Transaction, notification_id: UUID | None, provider_id: str, status: str) -> None:
    """Keep what the carrier says of a message; raise UnknownToUs while nothing shows that it is one of ours."""
    named = {"id": notification_id, "provider_id": provider_id, "status": status, "steps": STEPS, "last": LAST_WORDS}
    if not tx.one(REPORTED, named).found:
        raise UnknownToUs(f"no message is known to the carrier as {provider_id}")
