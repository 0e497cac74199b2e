"""The catalogue as the API tells it."""

from uuid import UUID

from pydantic import BaseModel, Field


class Names(BaseModel):
    en: str
    ar: str


class Pictures(BaseModel):
    """Where a product's picture is, by size: squares of 160, 480 and 960 pixels."""

    small: str = Field(examples=["/pictures/019ab3d0-0500-7d30-8c3d-7f3e20415c63/small.webp"])
    medium: str
    large: str


class Product(BaseModel):
    id: UUID
    slug: str
    name: str = Field(description="in the language asked for by `Accept-Language`")
    names: Names
    price: int = Field(description="minor units of the currency (piastres)")
    currency: str
    available: int = Field(description="pieces that can be ordered now")
    reserved: int = Field(description="pieces promised to open orders")
    pictures: Pictures | None = Field(description="null until all are made")


class Products(BaseModel):
    items: list[Product]
