"""An order's timeline as it is read: its facts, its jobs with their attempts, its notifications."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, union_all
from sqlalchemy.orm import joinedload
from sqlmodel import Session, bindparam, col, select

from shared.db.tables.events import EventRow
from shared.db.tables.jobs import Job
from shared.db.tables.notifications import NotificationRow
from shared.db.tables.payments import Payment

_ORDER = bindparam("order", type_=Uuid())

#: A payment's and a notification's facts and jobs belong to their order's timeline too.
_ITS = union_all(
    select(_ORDER),
    select(col(Payment.id)).where(col(Payment.order_id) == _ORDER),
    select(col(NotificationRow.id)).where(col(NotificationRow.aggregate_id) == _ORDER),
)

EVENTS = (
    select(EventRow)
    .where(col(EventRow.aggregate_id).in_(_ITS))
    .order_by(col(EventRow.position).nulls_last(), col(EventRow.seq))
)
JOBS = (
    select(Job)
    .where(col(Job.aggregate_id).in_(_ITS))
    .order_by(col(Job.created_at), col(Job.chain_id), col(Job.link), col(Job.id))
    .options(
        joinedload(Job.chain),  # type: ignore[arg-type]  # to mypy a relationship is what it leads to
        joinedload(Job.attempts),  # type: ignore[arg-type]
    )
)
NOTIFICATIONS = (
    select(NotificationRow).where(col(NotificationRow.aggregate_id) == _ORDER).order_by(col(NotificationRow.id))
)


@dataclass(frozen=True, slots=True)
class Timeline:
    events: list[EventRow]  # by position, those that have none yet last
    jobs: list[Job]
    notifications: list[NotificationRow]


def whole(session: Session, order_id: UUID) -> Timeline:
    parameters = {"order": order_id}
    return Timeline(
        events=list(session.exec(EVENTS, params=parameters)),
        jobs=list(session.exec(JOBS, params=parameters).unique()),
        notifications=list(session.exec(NOTIFICATIONS, params=parameters)),
    )
