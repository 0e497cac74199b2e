"""What operators are called for: what is so now, and what was."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.schemas.alerts import Alert, Alerts
from shared.db.reads import alerts

TASK = "alerts"  # in services/worker/schedule.py

router = APIRouter(tags=["operators"])


@router.get("/alerts", responses=problems(401, 403, 422))
def list_alerts(
    caller: Caller, state: Literal["open", "all"] = "open", limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> Alerts:
    """Return the alerts, the newest first, and when the rules were last looked at (operators)."""
    with caller.reading(operator=True) as session:
        rows = alerts.newest(session, limit, also_over=state == "all")
        looked_at = alerts.looked_at(session, TASK)
    return Alerts(looked_at=looked_at, items=[Alert.model_validate(row, from_attributes=True) for row in rows])
