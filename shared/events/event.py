"""What an event is: a fact in the past tense, whole in itself, that says where it is heard."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.broadcasting import keys


class Broadcast(NamedTuple):
    """What is said of a fact: by which name, where, and with what beside its position."""

    name: str
    channels: Sequence[str]
    data: Mapping[str, Any] | None = None  # None: what the fact carries


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

    def broadcasts(self) -> Sequence[Broadcast]:
        """Return all that is said of it; each channel hears one thing."""
        return (Broadcast(self.broadcast_as(), self.broadcast_on()),)


def private(name: str) -> str:
    """Return the wire name of a private channel: Echo's `private('orders.1')`."""
    return f"private-{name}"
