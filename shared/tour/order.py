"""One order of the tour: placed, then looked at until what should happen to it has happened."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.money import Money
from shared.tour.live import Live
from shared.tour.seen import MILLISECOND, Look, Seen
from shared.tour.shop import Disappointed, Shop

GOOD = {"StockReserved", "OrderConfirmed", "OrderShipped"}
ENDS = {"OrderRejected", "OrderCancelled", "OrderExpired"}


class Order:
    """An order with a key of its own."""

    def __init__(self, shop: Shop, live: Live, product: Any, card: str = "pm_card_visa") -> None:
        self._shop, self._live, self._product, self._card = shop, live, product, card
        self._key = f"tour-{uuid4()}"
        self._placed: Any = None

    def stands(self) -> str:
        """Say where it stands, for a sentence that says what is missing."""
        if self._placed is None:
            return "the order was not even placed"
        last = [event for event in self._timeline()["events"] if "order" in event["payload"]][-1]
        order = last["payload"]["order"]
        return f"order #{order['number']} is {order['status']}"

    # --- what the customer does; with the key each may be sent again ---

    def place(self) -> Seen:
        self._placed, _ = self._shop.place(self._product["id"], self._card, self._key)
        price = Money(self._placed["total"], self._placed["currency"])
        return Seen(f"#{self._placed['number']}: 1 × {self._product['names']['en']}, {price}", 0.0)

    def place_again(self) -> Seen:
        again, replayed = self._shop.place(self._product["id"], self._card, self._key)
        if not replayed or again != self._placed:
            raise Disappointed(f"The same key gave another answer: #{again['number']}, not #{self._placed['number']}.")
        return Seen(f"the first answer again: #{again['number']}")

    def cancel(self) -> Seen:
        order = self._shop.cancel(self._placed["id"])
        return Seen("the customer changes their mind", self._after(order["cancel_requested_at"]))

    # --- what the system does ---

    def fact(self, name: str) -> Look:
        """Listen for an event, and say which job recorded it; it must stand in the timeline, too."""

        def look() -> Seen | None:
            timeline = self._timeline()
            facts = {event["name"]: event for event in timeline["events"]}
            heard = self._live.heard(self._placed["id"], name)
            if name in facts and heard:
                late = heard - datetime.fromisoformat(facts[name]["occurred_at"])
                words = f"{_told_of(facts[name], timeline['jobs'])}, heard after {late / MILLISECOND:.0f} ms"
                return Seen(words, self._after(facts[name]["occurred_at"]))
            if name in GOOD and (ends := facts.keys() & ENDS):
                end = facts[ends.pop()]["payload"]["order"]
                raise Disappointed(f"Order #{end['number']} is {end['status']} ({end['reason']}).")
            return None

        return look

    def told(self, channel: str, kind: str) -> Look:
        """Look for a message in the mailbox: the timeline must know it, and it must have arrived."""

        def look() -> Seen | None:
            for sent in self._timeline()["notifications"]:
                if (sent["channel"], sent["kind"]) != (channel, kind):
                    continue
                for letter in self._shop.letters(channel, sent["recipient"]):
                    says = letter["subject"] or letter["text"]
                    if says.startswith(sent["subject"]):
                        return Seen(f"“{says}”", self._after(letter["received_at"]))
            return None

        return look

    def kept(self, share: int) -> Look:
        """Look at the gateway's own books: the order's money is there (1) or not (0), in one charge at most."""

        def look() -> Seen | None:
            intents = self._shop.charges(self._placed["id"])
            kept = [intent["amount_received"] - intent["amount_refunded"] for intent in intents]
            charged = sum(1 for intent in intents if intent["amount_received"])
            if charged > 1:
                raise Disappointed(f"Order #{self._placed['number']} was charged {charged} times.")
            if sum(kept) != share * self._placed["total"] or charged < share:
                return None
            if not charged:
                return Seen("nothing was charged")
            money = Money(self._placed["total"], self._placed["currency"])
            return Seen(f"charged once, {money}" if share else f"charged once, and {money} given back")

        return look

    def _timeline(self) -> Any:
        return self._shop.timeline(self._placed["id"])

    def _after(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - datetime.fromisoformat(self._placed["placed_at"])).total_seconds()


def _told_of(fact: Any, jobs: list[Any]) -> str:
    """Say why it ended, if it did, and which job on which unit recorded it."""
    parts = [fact["payload"]["order"]["reason"]] if fact["name"] in ENDS else []
    for job in jobs:
        if job["id"] == fact["job_id"]:
            worker = job["attempts"][-1]["worker"] if job["attempts"] else None
            tries = f", attempt {job['attempt']}" if job["attempt"] > 1 else ""
            parts.append(f"{job['name']} on {(worker or 'a worker').partition('@')[0]}{tries}")
    return ", by ".join(parts)
