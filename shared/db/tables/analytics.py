"""The day's sales in the shop's time zone, kept in shards so that no two workers wait for one row."""

from datetime import date

from sqlalchemy import Column, Date, SmallInteger
from sqlmodel import Field

from shared.db.tables.base import Table, amount, count


class DailySales(Table, table=True):
    __tablename__ = "daily_sales"

    day: date = Field(sa_column=Column(Date, primary_key=True))
    currency: str = Field(primary_key=True)
    shard: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    orders: int = count()
    revenue: int = amount(0)
    refunds: int = count()
    refunded: int = amount(0)
