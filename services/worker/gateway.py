"""What the shop asks of a card gateway, and the few answers there are."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID


class Outcome(StrEnum):
    """What became of an intent to charge a card; the gateway never takes `succeeded` or `canceled` back."""

    UNASKED = "unasked"  # the bank has not been asked
    PROCESSING = "processing"  # the bank is thinking
    DECLINED = "declined"  # the bank said no; until it is cancelled the intent could be tried again
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be charged; `payment_id` names it for ever, whatever is asked how often."""

    payment_id: UUID
    order_id: UUID
    order_number: int
    amount: int
    currency: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class Intent:
    """The gateway's side of a payment."""

    id: str
    outcome: Outcome
    amount: int
    payment_id: UUID | None = None
    decline: str | None = None  # why the bank said no
    shop: str | None = None  # which installation made it: several may share an account


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back. done: the bank has taken it; until then it may still refuse."""

    id: str
    done: bool


class NoAnswer(Exception):
    """Nobody knows whether the gateway did it: ask again later, never guess."""


class RefundFailed(Exception):
    """The bank did not take the money back: a case for people."""


class Gateway(ABC):
    """Any of these may raise NoAnswer. A declined card is an answer."""

    @abstractmethod
    def create(self, charge: Charge) -> Intent:
        """Make the intent known to the gateway, without charging anything."""

    @abstractmethod
    def confirm(self, intent_id: str) -> Intent:
        """Charge. Confirmed twice, or cancelled before: nothing happens, and the answer says how it stands."""

    @abstractmethod
    def retrieve(self, intent_id: str) -> Intent:
        """Ask how it stands."""

    @abstractmethod
    def cancel(self, intent_id: str) -> Intent:
        """See to it that it is never charged; if that is too late the answer says so."""

    @abstractmethod
    def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        """Give the money back, once; raise RefundFailed."""

    @abstractmethod
    def refund_of(self, intent_id: str) -> Refund | None:
        """Ask how giving it back stands, None if nobody has begun to; raise RefundFailed."""

    @abstractmethod
    def refunded(self, intent_id: str) -> int:
        """Return how much of it was given back, or is on its way."""

    @abstractmethod
    def recent(self, within: timedelta) -> Iterable[Intent]:
        """Return every intent of that time."""
