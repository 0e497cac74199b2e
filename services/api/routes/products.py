"""What is for sale."""

from fastapi import APIRouter
from starlette.requests import Request

from services.api.caller import TheDatabase
from services.api.openapi import problems
from services.api.schemas.products import Products
from services.api.views import language_of, product_of
from shared.db.sql import product_list

router = APIRouter(tags=["shop"])


@router.get("/products", responses=problems())
def list_products(request: Request, database: TheDatabase) -> Products:
    """Return the catalogue, with what can be ordered right now."""
    language = language_of(request)
    with database.transaction() as tx:
        rows = product_list.whole(tx)
    return Products(items=[product_of(row, language) for row in rows])
