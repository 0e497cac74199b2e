"""What the tests of the operators' commands and API share: jobs put into a database, and what was audited."""

from typing import Any
from uuid import UUID

from shared.ids import new_id
from tests.api import ApiProcess, Customer

FAILED = {"state": "failed", "attempt": 3, "failures": 3, "tries": 3, "error": "TimeoutError: the bank said nothing"}
INSERT = "insert into jobs (id, {columns}) values (%s, {values})"


def given(api: ApiProcess, **columns: Any) -> UUID:
    """Put a job into the ledger: `given(api, name="charge_payment", state="failed")`."""
    job = new_id()
    row = {"name": "saw_walnut", "queue": "orders", "args": "[]", **columns}
    values = ", ".join(["%s"] * len(row))
    api.sql(INSERT.format(columns=", ".join(row), values=values), job, *row.values())
    if row.get("state") in ("succeeded", "failed", "cancelled"):
        api.sql("update jobs set finished_at = coalesce(finished_at, clock_timestamp()) where id = %s", job)
    return job


def audited(api: ApiProcess, who: Customer) -> list[tuple[str, str]]:
    rows = api.sql("select action, subject from audit where user_id = %s order by id", who.id)
    return [(row.action, row.subject) for row in rows]


def state(api: ApiProcess, job: UUID) -> str | None:
    rows = api.sql("select state from jobs where id = %s", job)
    return rows[0].state if rows else None
