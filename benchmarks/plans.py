"""What PostgreSQL does for each hot statement of the ledger: the plan of a worker's connection, with its time."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from shared.config import ROOT
from shared.db.engine import Connection, connect
from shared.ids import new_id
from shared.jobs import sql
from shared.jobs.hand_over import EVER

KEPT = ROOT / "var" / "plans.txt"


def plans(connection: Connection) -> None:
    """Explain each statement on this database, in a transaction that is rolled back; write them down."""
    ids = [row.id for row in connection.execute("select id from jobs where state = 'scheduled' limit 20")]
    told = [f"{name}\n{_explained(statement, given)}" for name, (statement, given) in _hot(ids).items()]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text("\n\n".join(told) + "\n")


def _hot(ids: list[Any]) -> dict[str, tuple[str, Any]]:
    one = {"id": ids[0], "attempt": 1}
    row: dict[str, Any] = {"id": str(new_id()), "name": "do_nothing", "queue": "default", "args": [], "tags": []}
    row |= {"priority": 0, "delay": 0}
    cause = {"event": None, "job": None, "aggregate": None, "trace": None}
    places = {"queues": ["default", "reports"], "priorities": [0, 0], "rooms": [16, 16]}
    return {
        "dispatch": (sql.INSERT, {"rows": Jsonb([row]), **cause}),
        "what waits": (sql.WAITING, None),
        "hand over": (sql.HAND_OVER, {**places, "since": [None, None]}),
        "hand over, the look at everything": (sql.HAND_OVER, {**places, "since": [EVER, EVER]}),
        "claim": (sql.CLAIM, {"worker": "fast-1", "lease": 10, "ids": ids}),
        "heartbeat": (sql.HEARTBEAT, {"ids": ids[:4], "attempts": [1] * 4, "lease": 10}),
        "finish": (sql.FINISH, {**one, "reason": None}),
        "retry": (sql.RETRY, {**one, "error": "", "detail": "", "due": None, "seconds": 1}),
        "expired leases": (sql.EXPIRED, None),
        "queued for long": (sql.LONG_QUEUED, (2,)),
    }


def _explained(statement: str, given: Any) -> str:
    """Explain with its real numbers; a fence that refuses is no plan, so what refuses is left to its generic one."""
    with connect(by_key=True) as connection:
        try:
            with connection.transaction(force_rollback=True):
                rows = connection.execute(f"explain (analyze, buffers, costs off) {statement}", given, prepare=False)
                return "\n".join(row[0] for row in rows)
        except psycopg.Error as refused:
            return f"refused: {refused}"
