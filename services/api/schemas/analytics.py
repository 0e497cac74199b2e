"""What was sold, day by day, as the API tells it."""

from datetime import date

from pydantic import BaseModel, Field


class Day(BaseModel):
    day: date = Field(description="in the shop's time zone")
    currency: str
    orders: int
    revenue: int = Field(description="minor units, before refunds")
    refunds: int
    refunded: int


class Days(BaseModel):
    items: list[Day]
