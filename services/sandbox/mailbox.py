"""The one mailbox: every mail and every SMS that reached somebody, newest first."""

from dataclasses import dataclass
from typing import Any

from services.sandbox.store import Store
from shared.clock import now

COLUMNS = 'channel, recipient as "to", sender as "from", subject, text, html, message_id, received_at'
NEWEST_FIRST = f"""
select {COLUMNS} from mailbox
where (?1 is null or recipient = ?1) and (?2 is null or channel = ?2) order by seq desc limit ?3
"""  # noqa: S608 - COLUMNS is the constant above
COUNTS = """
select channel, count(*) as messages,
       count(distinct recipient || char(10) || case channel when 'sms' then text else coalesce(message_id, seq) end)
         as distinct_messages
from mailbox group by channel
"""


EMPTY = {"messages": 0, "copies": 0}


@dataclass(frozen=True, slots=True)
class Letter:
    channel: str
    to: str
    sender: str
    text: str
    subject: str | None = None
    html: str | None = None
    message_id: str | None = None


def put(store: Store, letter: Letter) -> None:
    store.run(
        "insert into mailbox (channel, recipient, sender, subject, text, html, message_id, received_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        *(letter.channel, letter.to, letter.sender, letter.subject, letter.text, letter.html, letter.message_id),
        now().isoformat(),
    )


def read(store: Store, *, to: str | None = None, channel: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    return [dict(row) for row in store.all(NEWEST_FIRST, to, channel, limit)]


def counts(store: Store) -> dict[str, dict[str, int]]:
    """Per channel: messages, and how many of them are copies (same Message-ID, or same SMS to the same number)."""
    found = {row["channel"]: row for row in store.all(COUNTS)}
    return {
        channel: {"messages": row["messages"], "copies": row["messages"] - row["distinct_messages"]} if row else EMPTY
        for channel, row in ((name, found.get(name)) for name in ("mail", "sms"))
    }


def clear(store: Store) -> int:
    return store.run("delete from mailbox")
