"""The day's sales as operators read them."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func
from sqlmodel import Session, col, select

from shared.db.tables.analytics import DailySales


def _sum(name: str) -> ColumnElement[int]:
    """Sum a column over the shards; PostgreSQL would make a bigint's sum a decimal."""
    return cast(func.sum(getattr(DailySales, name)), BigInteger).label(name)


_SUMS = [_sum(name) for name in ("orders", "revenue", "refunds", "refunded")]

BY_DAY = (
    select(col(DailySales.day), col(DailySales.currency), *_SUMS)
    .group_by(col(DailySales.day), col(DailySales.currency))
    .order_by(col(DailySales.day).desc(), col(DailySales.currency))
)


def by_day(session: Session, limit: int) -> list[Any]:
    """Return the sums over the shards, the newest day first."""
    return list(session.exec(BY_DAY.limit(limit)))
