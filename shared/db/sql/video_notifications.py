"""What a video's owner is told, in SQL: what a message needs to know, in one question, and that it was sent."""

# Also of a video that was deleted meanwhile: what was begun is ended. A message that was begun keeps its address.
FIND = """
select v.id as aggregate_id, v.filename, v.code, v.reason, v.duration_ms, v.version, v.user_id, u.name, u.email,
       u.phone, coalesce(n.locale, u.locale) as locale,
       n.id, n.status, n.recipient, n.body, n.message_id, n.provider_id, n.asked_at
from videos v
join users u on u.id = v.user_id
left join notifications n on n.event_id = %(event)s and n.kind = %(kind)s and n.channel = %(channel)s
                         and n.user_id = v.user_id
where v.id = %(video)s
"""

SENT = """
update notifications set status = 'sent', sent_at = clock_timestamp(),
                         provider_id = coalesce(provider_id, %(provider_id)s)
where id = %(id)s and status in ('pending', 'failed')
"""
