"""What was sold, day by day."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.schemas.analytics import Day, Days
from shared.db.sql import sales

router = APIRouter(tags=["operators"])


@router.get("/analytics/daily", responses=problems(401, 403, 422))
def daily_sales(caller: Caller, limit: Annotated[int, Query(ge=1, le=366)] = 30) -> Days:
    """Return the totals of each day in the shop's time zone, the newest first (operators)."""
    with caller.transaction(operator=True) as tx:
        rows = sales.by_day(tx, limit)
    return Days(items=[Day.model_validate(row, from_attributes=True) for row in rows])
