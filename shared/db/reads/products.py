"""The catalogue as it is read."""

from sqlmodel import Session, col, select

from shared.db.tables.products import Product

WHOLE = select(Product).order_by(col(Product.created_at), col(Product.id))


def whole(session: Session) -> list[Product]:
    return list(session.exec(WHOLE))
