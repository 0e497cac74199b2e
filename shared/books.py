"""The books: what must be true of stock, money, notifications and jobs, whatever crashed; read in one snapshot."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.clock import now
from shared.config import settings
from shared.db.engine import HAS_TRANSACTION_LIMIT, Connection
from shared.db.sql import books as sql
from shared.db.transaction import Transaction, transaction

QUIET_SECONDS = 60.0  # what was touched later may still be on its way


@dataclass(frozen=True, slots=True)
class Charged:
    """One payment intent as the gateway has it, in minor units."""

    id: str
    payment_id: UUID | None
    currency: str
    received: int
    refunded: int
    created: float  # seconds since 1970
    shop: str | None = None  # the address of the installation that made it, if it says so

    @property
    def ours(self) -> bool:
        """Tell whether this installation may have made it: several may share one account."""
        return self.payment_id is not None and self.shop in (None, settings().public_url)

    @property
    def kept(self) -> int:
        return self.received - self.refunded

    @classmethod
    def from_summary(cls, row: Mapping[str, Any]) -> "Charged":
        """Return the intent of a row of the sandbox's `/gateway/summary`."""
        said = row["metadata"] or {}
        payment_id = said.get("payment_id")
        return cls(
            id=row["id"],
            payment_id=UUID(payment_id) if payment_id else None,
            currency=row["currency"],
            received=row["amount_received"],
            refunded=row["amount_refunded"],
            created=row["created"],
            shop=said.get("shop"),
        )


def check(
    connection: Connection, gateway: Iterable[Charged] | None = None, *, quiet_seconds: float = QUIET_SECONDS
) -> list[str]:
    """Return what is wrong, a sentence with its ids for each fault; nothing if the books balance.

    gateway: what the card gateway has, asked *before* this is called (an intent is written down here before it is
        charged there); None leaves the comparison out.
    quiet_seconds: orders touched since then are not compared; 0 where nothing is under way.
    """
    intents = list(gateway) if gateway is not None else None
    parameters = {"quiet": quiet_seconds, "open": settings().reservation_seconds}
    with transaction(connection) as tx:
        tx.execute(sql.SNAPSHOT)
        _be_patient(tx)
        faults = [row.what for query in sql.ALL for row in tx.all(query, parameters)]
        if intents is not None:
            faults += _orders_money(tx, intents, parameters)
            faults += _nobodys_money(tx, intents, now().timestamp() - quiet_seconds)
    return faults


def _be_patient(tx: Transaction) -> None:
    """Give this one transaction more time than those that others wait for; nobody waits for one that only reads."""
    tx.execute(sql.PATIENT)
    if tx.connection.info.server_version >= HAS_TRANSACTION_LIMIT:
        for statement in sql.PATIENT_IN_ALL:
            tx.execute(statement)


def _orders_money(tx: Transaction, intents: Sequence[Charged], parameters: dict[str, Any]) -> Iterator[str]:
    """Confirmed or shipped: exactly one charge, whole and kept. Any other end: none."""
    by_payment: dict[UUID | None, set[Charged]] = defaultdict(set)
    by_id = {intent.id: intent for intent in intents}
    for intent in intents:
        by_payment[intent.payment_id].add(intent)
    for order in tx.all(sql.MONEY, parameters):
        its = by_payment[order.payment_id] if order.payment_id else set()
        its = its | ({by_id[order.intent_id]} if order.intent_id in by_id else set())
        kept = sorted((intent for intent in its if intent.kept), key=lambda intent: intent.id)
        if fault := _fault(order, kept):
            yield f"order {order.id}: {order.status}, but {fault}"


def _fault(order: Any, kept: Sequence[Charged]) -> str | None:
    charges = ", ".join(f"{intent.id} ({intent.kept} {intent.currency})" for intent in kept)
    if not order.charged:
        return f"the gateway keeps {charges}" if kept else None
    if len(kept) != 1:
        return (
            f"the gateway keeps {len(kept)} charges for it: {charges}" if kept else "the gateway keeps no charge for it"
        )
    right = (order.intent_id, order.total, order.currency)
    if (kept[0].id, kept[0].kept, kept[0].currency) != right:
        return f"the gateway keeps {charges} and not {order.total} {order.currency} by {order.intent_id}"
    return None


def _nobodys_money(tx: Transaction, intents: Sequence[Charged], before: float) -> Iterator[str]:
    """Every charge belongs to a payment that we know. Another shop's, on the same account, is not our business."""
    kept = [intent for intent in intents if intent.kept and intent.ours and intent.created <= before]
    asked = {"ids": [intent.payment_id for intent in kept], "intents": [intent.id for intent in kept]}
    known = {row.id for row in tx.all(sql.KNOWN, asked)}
    for intent in kept:
        if intent.payment_id not in known:
            yield f"intent {intent.id}: the gateway keeps {intent.kept} {intent.currency} of no payment that we know"
