"""What is for sale and how much of it there is; the database itself refuses to sell what is not there."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from shared.db.tables.base import UUID, Table, amount, count, datetime, key, moment, words


class Product(Table, table=True):
    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("on_hand = received - sold", name="products_on_hand"),
        CheckConstraint("0 <= reserved and reserved <= on_hand", name="products_reserved"),
        CheckConstraint("price > 0", name="products_price"),
    )

    id: UUID = key()
    slug: str = words()
    name_en: str = words()
    name_ar: str = words()
    price: int = amount()
    currency: str = words()
    received: int = count()  # pieces ever delivered to us
    sold: int = count()  # pieces that left with a shipped order
    on_hand: int = count()  # pieces in the house
    reserved: int = count()  # of these, promised to open orders
    created_at: datetime = moment(default=True)


class ProductPicture(Table, table=True):
    """A product's picture in one size, made by a job."""

    __tablename__ = "product_pictures"

    product_id: UUID = Field(foreign_key="products.id", primary_key=True)
    size: str = Field(primary_key=True)  # small, medium, large
    path: str = words()  # under the folder of files
    width: int = count()  # pixels
    height: int = count()
    made_at: datetime = moment(default=True)
