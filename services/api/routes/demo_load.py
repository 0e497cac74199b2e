"""A load for the page (demo only): Omar orders so many times a second, for so long, and then it stops."""

from fastapi import APIRouter

from services.api.caller import Caller, CallerOf, TheDatabase
from services.api.database import again
from services.api.load import Running, load
from services.api.problems import Problem
from services.api.schemas.demo import Load, StartLoad
from services.api.schemas.figures import Percentiles
from shared.db.reads import load as reads
from shared.db.sql import load as sql
from shared.db.sql import sessions, users
from shared.ids import new_id

BUYER = "omar@example.com"

router = APIRouter(prefix="/load")


@router.get("")
def show_load(caller: Caller) -> Load:
    """Return how far the load is, and what became of its orders."""
    return _shown(caller)


@router.post("")
def start_load(wanted: StartLoad, caller: Caller, database: TheDatabase) -> Load:
    """Start one. As much as it will buy is delivered first, so that the shop is not sold out by it."""
    if not load.start(_prepared(wanted, caller), database):
        raise Problem(409, "refused", "A load is running; stop it first.")
    return _shown(caller)


@router.delete("")
def stop_load(caller: Caller) -> Load:
    """Place no more orders; those that are placed go on."""
    with caller.transaction():
        load.stop()
    return _shown(caller)


@again
def _prepared(wanted: StartLoad, caller: CallerOf) -> Running:
    """Let Omar in, and let a van bring what he is going to buy."""
    session_id, pieces = new_id(), wanted.per_second * wanted.seconds
    with caller.transaction() as tx:
        if load.running:
            raise Problem(409, "refused", "A load is running; stop it first.")
        buyer = users.by_email(tx, BUYER)
        if buyer is None:
            raise Problem(409, "refused", "Omar, who buys for the load, is not a customer here.")
        sessions.open_one(tx, session_id, buyer.id)
        products = sql.receive(tx, pieces)
    return Running(wanted.per_second, wanted.seconds, buyer.id, session_id, products)


def _shown(caller: CallerOf) -> Load:
    now = load.state()
    with caller.reading() as session:
        statuses, confirmed = reads.statuses(session, now.orders), reads.confirmed_after(session, now.orders)
    return Load(
        running=now.running,
        per_second=now.per_second,
        seconds=now.seconds,
        started_at=now.started_at,
        placed=len(now.orders),
        failed=now.failed,
        answered=Percentiles(**now.answered) if now.answered else None,
        statuses=statuses,
        confirmed=Percentiles(**confirmed) if confirmed else None,
    )
