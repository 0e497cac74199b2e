"""The catalogue as the API tells it."""

from uuid import UUID

from pydantic import BaseModel, Field


class Names(BaseModel):
    en: str
    ar: str


class Product(BaseModel):
    id: UUID
    slug: str
    name: str = Field(description="in the language asked for by `Accept-Language`")
    names: Names
    price: int = Field(description="minor units of the currency (piastres)")
    currency: str
    available: int = Field(description="pieces that can be ordered now")
    reserved: int = Field(description="pieces promised to open orders")


class Products(BaseModel):
    items: list[Product]
