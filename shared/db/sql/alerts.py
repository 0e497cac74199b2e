"""Alerts in SQL: opened once, however many look at once; over when nobody has seen it for a while."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from shared.db.sql import pruning
from shared.db.transaction import Transaction
from shared.ids import new_id

# `xmax` is 0 in a row that is new; of two who see the same at once, one inserts and the other updates.
SEEN = """
insert into alerts (id, rule, subject, detail)
select id, rule, subject, detail from jsonb_to_recordset(%s::jsonb) as r(id uuid, rule text, subject text, detail text)
order by rule, subject
on conflict (rule, subject) where resolved_at is null
do update set detail = excluded.detail, seen_at = clock_timestamp()
returning id, rule, subject, detail, xmax = 0 as opened
"""
RESOLVE = """
update alerts set resolved_at = clock_timestamp()
where resolved_at is null and rule = any(%(rules)s) and id <> all(%(seen)s::uuid[])
      and seen_at < clock_timestamp() - make_interval(secs => %(quiet)s)
returning id, rule, subject, detail
"""
OPERATORS = "select id from users where role = 'operator' order by id"

#: What a message to one operator needs to know, in one question; see `notifications.FIND`.
FIND = """
select a.id as aggregate_id, a.rule, a.subject, a.detail, a.opened_at, a.resolved_at, u.id as user_id, u.name, u.email,
       coalesce(n.locale, u.locale) as locale, n.id, n.status, n.recipient, n.message_id
from alerts a join users u on u.id = %(user)s
left join notifications n on n.event_id = a.id and n.kind = %(kind)s and n.channel = %(channel)s and n.user_id = u.id
where a.id = %(alert)s
"""
SENT = """
update notifications set status = 'sent', sent_at = clock_timestamp() where id = %s and status in ('pending', 'failed')
"""

PRUNE = pruning.old("alerts", "id", "resolved_at", "90 days")


@dataclass(frozen=True, slots=True)
class Seen:
    """Something is not as it should be: which rule says so, of what, and what was seen."""

    rule: str
    subject: str
    detail: str


def open_all(tx: Transaction, seen: Iterable[Seen]) -> tuple[list[Any], list[UUID]]:
    """Open what is not open yet; return the rows of those, and the ids of all."""
    rows = [{"id": str(new_id()), **asdict(one)} for one in seen]
    known = tx.all(SEEN, (json.dumps(rows),)) if rows else []
    return [row for row in known if row.opened], [row.id for row in known]


def resolve_others(tx: Transaction, rules: Iterable[str], seen: list[UUID], quiet_seconds: float) -> list[Any]:
    """Resolve the alerts of these rules that were not seen now nor in the last seconds; return their rows."""
    return tx.all(RESOLVE, {"rules": list(rules), "seen": seen, "quiet": quiet_seconds})


def operators(tx: Transaction) -> list[UUID]:
    return [row.id for row in tx.all(OPERATORS)]


def prune(tx: Transaction) -> bool:
    """Forget some of what was over three months ago; say whether there may be more."""
    return pruning.delete(tx, PRUNE)
