"""The sandbox for the page (demo only): its switches, the asker's mail and SMS, and what was charged."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.api import sandbox
from services.api.caller import Caller
from services.api.problems import Problem
from services.api.schemas.demo import Charge, Charges, Letter, Mailbox, Switch, Switches, TurnSwitches
from shared.db.reads import orders, users
from shared.db.sql.orders import OrderNotFound

SHOWN = 100

router = APIRouter()

To = Annotated[str | None, Query(max_length=254, description="an address or a phone number: one's own")]


@router.get("/switches")
def list_switches(caller: Caller) -> Switches:
    """Return what can be broken on purpose, and how it stands."""
    with caller.reading():
        pass
    return _table()


@router.put("/switches")
def turn_switches(wanted: TurnSwitches, caller: Caller) -> Switches:
    """Break something, or mend it."""
    with caller.transaction():
        pass
    sandbox.ask("PUT", "/switches", json=wanted.model_dump())
    return _table()


@router.delete("/switches")
def reset_switches(caller: Caller) -> Switches:
    """Mend everything."""
    with caller.transaction():
        pass
    sandbox.ask("DELETE", "/switches")
    return _table()


@router.get("/mailbox")
def read_mailbox(caller: Caller, to: To = None) -> Mailbox:
    """Return the mail and SMS that reached the caller, or (operators) whoever is asked for."""
    with caller.reading() as session:
        user: Any = users.by_id(session, caller.user_id)
    own = [address for address in (user.email, user.phone) if address]
    if to is not None and to not in own and not caller.is_operator:
        raise Problem(403, "forbidden", "That is another's mailbox.")
    found = [letter for address in ([to] if to else own) for letter in _letters(address)]
    found.sort(key=lambda letter: letter.received_at, reverse=True)
    return Mailbox(items=found[:SHOWN])


@router.get("/charges/{order_id}")
def list_charges(order_id: UUID, caller: Caller) -> Charges:
    """Return what the card gateway has of an order: whatever was broken, it is charged once at most."""
    with caller.reading() as session:
        if caller.sees not in (None, orders.owner(session, order_id)):
            raise OrderNotFound(str(order_id))
    intents = sandbox.ask("GET", "/gateway/summary")
    its = [intent for intent in intents if intent["metadata"].get("order_id") == str(order_id)]
    return Charges(items=[Charge.model_validate(intent) for intent in its])


def _table() -> Switches:
    return Switches(items=[Switch.model_validate(row) for row in sandbox.ask("GET", "/switches/table")])


def _letters(address: str) -> list[Letter]:
    rows = sandbox.ask("GET", "/mailbox", params={"to": address, "limit": str(SHOWN)})
    return [Letter.model_validate(row) for row in rows]
