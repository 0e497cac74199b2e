"""The catalogue as it is read."""

from uuid import UUID

from sqlmodel import Session, col, func, select

from shared.db.tables.products import Product, ProductPicture
from shared.domain.pictures import PictureSize

WHOLE = select(Product).order_by(col(Product.created_at), col(Product.id))
PICTURED = (
    select(ProductPicture.product_id).group_by(col(ProductPicture.product_id)).having(func.count() == len(PictureSize))
)


def whole(session: Session) -> list[Product]:
    return list(session.exec(WHOLE))


def pictured(session: Session) -> set[UUID]:
    """Return the products whose picture is there in every size."""
    return set(session.exec(PICTURED))
