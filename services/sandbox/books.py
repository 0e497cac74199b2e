"""The gateway's side of the books: every intent, what was received and what went back."""

import json
from typing import Any

from services.sandbox.store import Store

SUMMARY = """
select i.id as id, i.created as created, json_extract(body, '$.status') as status,
       json_extract(body, '$.amount') as amount, json_extract(body, '$.currency') as currency,
       json_extract(body, '$.amount_received') as amount_received, json_extract(body, '$.metadata') as metadata,
       (select coalesce(sum(r.amount), 0) from refunds r where r.payment_intent = i.id) as amount_refunded,
       (select count(*) from refunds r where r.payment_intent = i.id) as refunds
from intents i order by i.seq
"""


def summary(store: Store) -> list[dict[str, Any]]:
    return [dict(row) | {"metadata": json.loads(row["metadata"])} for row in store.all(SUMMARY)]
