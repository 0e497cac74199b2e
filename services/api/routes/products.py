"""What is for sale."""

from fastapi import APIRouter
from starlette.requests import Request

from services.api.caller import TheDatabase
from services.api.openapi import problems
from services.api.schemas.products import Products
from services.api.views import language_of, product_of
from shared.db.reads import products

router = APIRouter(tags=["shop"])


@router.get("/products", responses=problems())
def list_products(request: Request, database: TheDatabase) -> Products:
    """Return the catalogue, with what can be ordered right now."""
    language = language_of(request)
    with database.reading() as session:
        catalogue, pictured = products.whole(session), products.pictured(session)
    return Products(items=[product_of(product, language, pictured=product.id in pictured) for product in catalogue])
