"""What an event is: a fact in the past tense, whole in itself, that says where it is heard."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.broadcasting import keys


class Event(BaseModel):
    """A recorded fact. Subclasses carry a self-contained snapshot: a reader never has to load the row."""

    model_config = ConfigDict(frozen=True)

    version: ClassVar[int] = 1
    aggregate: ClassVar[str]

    @property
    def aggregate_id(self) -> UUID:
        raise NotImplementedError

    @property
    def aggregate_version(self) -> int:
        raise NotImplementedError

    def broadcast_on(self) -> Sequence[str]:
        """Return the names of the channels on which it is heard."""
        return ()

    @classmethod
    def broadcast_as(cls) -> str:
        """Return by which name: what Echo's `.listen('OrderShipped')` asks for."""
        return keys.wire_event(cls.__name__)


def private(name: str) -> str:
    """Return the wire name of a private channel: Echo's `private('orders.1')`."""
    return f"private-{name}"
