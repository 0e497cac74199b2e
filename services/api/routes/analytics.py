"""What was sold, day by day, and whether the books balance."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.schemas.analytics import Books, Day, Days
from shared import books
from shared.db.reads import sales

router = APIRouter(tags=["operators"])


@router.get("/analytics/daily", responses=problems(401, 403, 422))
def daily_sales(caller: Caller, limit: Annotated[int, Query(ge=1, le=366)] = 30) -> Days:
    """Return the totals of each day in the shop's time zone, the newest first (operators)."""
    with caller.reading(operator=True) as session:
        rows = sales.by_day(session, limit)
    return Days(items=[Day.model_validate(row, from_attributes=True) for row in rows])


@router.get("/books", responses=problems(401, 403))
def check_books(caller: Caller) -> Books:
    """Check stock, money, notifications and jobs in one snapshot (operators)."""
    with caller.reading(operator=True):
        pass
    with caller.database.connection() as connection:
        faults = books.check(connection)
    return Books(balanced=not faults, faults=faults)
