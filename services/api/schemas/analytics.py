"""What operators ask: what was sold, and whether the books balance."""

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


class Books(BaseModel):
    balanced: bool
    faults: list[str] = Field(description="what is wrong, a sentence each")
