"""The customer's inbox."""

from uuid import UUID

from fastapi import APIRouter

from services.api.caller import Caller
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.routes.orders import Cursor, Limit
from services.api.schemas.notifications import Notification, Notifications
from shared.db.reads import notifications
from shared.db.sql import inbox

router = APIRouter(tags=["notifications"])


@router.get("/notifications", responses=problems(401, 422))
def list_notifications(caller: Caller, cursor: Cursor = None, limit: Limit = 20) -> Notifications:
    """Return the caller's own, the newest first."""
    with caller.reading() as session:
        rows = notifications.inbox(session, caller.user_id, cursor, limit + 1)
    page = [Notification.model_validate(row, from_attributes=True) for row in rows[:limit]]
    return Notifications(items=page, next_cursor=page[-1].id if len(rows) > limit else None)


@router.post("/notifications/{notification_id}/read", responses=problems(401, 404, 422))
def read_notification(notification_id: UUID, caller: Caller) -> Notification:
    """Note that it was read; the first time counts."""
    with caller.transaction() as tx:
        row = inbox.mark_read(tx, caller.user_id, notification_id)
    if row is None:
        raise Problem(404, "not_found", "There is no such notification.")
    return Notification.model_validate(row, from_attributes=True)
