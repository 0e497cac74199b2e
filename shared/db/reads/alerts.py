"""Alerts as operators read them, and whether anybody still looks."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from shared.db.tables.alerts import Alert
from shared.db.tables.jobs import Job, ScheduleSlot


def newest(session: Session, limit: int, *, also_over: bool) -> list[Alert]:
    """Return the newest first. also_over: those too that are resolved."""
    statement = select(Alert).order_by(col(Alert.opened_at).desc()).limit(limit)
    if not also_over:
        statement = statement.where(col(Alert.resolved_at).is_(None))
    return list(session.exec(statement))


def looked_at(session: Session, task: str) -> datetime | None:
    """Return when the rules were last looked at: when that task of the schedule last succeeded."""
    statement = (
        select(Job.finished_at)
        .join(ScheduleSlot, col(ScheduleSlot.job_id) == Job.id)
        .where(ScheduleSlot.task == task, Job.state == "succeeded")
        .order_by(col(ScheduleSlot.slot).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def open_by_rule(session: Session) -> list[tuple[str, int]]:
    """Return how many alerts of each rule are open."""
    statement = select(Alert.rule, func.count()).where(col(Alert.resolved_at).is_(None)).group_by(Alert.rule)
    return [(rule, number) for rule, number in session.exec(statement)]
