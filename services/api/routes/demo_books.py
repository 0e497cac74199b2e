"""The books for the page (demo only): with the card gateway's side, which the sandbox shows."""

from fastapi import APIRouter

from services.api import sandbox
from services.api.caller import Caller
from services.api.schemas.analytics import Books
from shared import books

router = APIRouter()


@router.get("/books")
def check_books(caller: Caller) -> Books:
    """Check everything that `GET /books` does, and each order against what was charged for it (operators)."""
    with caller.reading(operator=True):
        pass
    charged = [books.Charged.from_summary(intent) for intent in sandbox.ask("GET", "/gateway/summary")]
    with caller.database.connection() as connection:
        faults = books.check(connection, charged)
    return Books(balanced=not faults, faults=faults)
