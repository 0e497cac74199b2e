"""What operators did, to what, and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.routes.orders import Limit
from services.api.schemas.audit import Act, Audit
from shared.db.reads import audit

router = APIRouter(tags=["jobs"])

Cursor = Annotated[int | None, Query(ge=0, lt=2**63, description="`next_cursor` of the page before")]


@router.get("/audit", responses=problems(401, 403, 422))
def list_audit(caller: Caller, cursor: Cursor = None, limit: Limit = 20) -> Audit:
    """Return what operators did, the newest first (operators)."""
    with caller.reading(operator=True) as session:
        rows = audit.page(session, cursor, limit + 1)
    page = [Act(**row.model_dump(), user_name=name) for row, name in rows[:limit]]
    return Audit(items=page, next_cursor=page[-1].id if len(rows) > limit else None)
