"""Chains: one job after another, each with the job that undoes it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs.dispatch import insert_all
from shared.jobs.job import JobType, Message, row

if TYPE_CHECKING:
    from shared.jobs.batch import Batch

Do = Any  # a JobType, which gets the chain's arguments; a Message or a Batch, which have their own
Link = Do | tuple[Do, JobType]


@dataclass(frozen=True, slots=True)
class Chain:
    """Jobs in order; `undos` stand beside what they undo."""

    name: str
    links: tuple[tuple[Do, JobType | None], ...]

    def message(self, *args: Any) -> "ChainMessage":
        """Return the chain with these arguments, not yet dispatched."""
        return chain_of(self.name, ((do.message(*args) if isinstance(do, JobType) else do, u) for do, u in self.links))

    def dispatch(self, tx: Transaction, *args: Any) -> UUID:
        """Insert all its jobs: the first is due, each other waits for the one before. Returns the chain's id."""
        return self.message(*args).dispatch(tx)


@dataclass(frozen=True, slots=True)
class Step:
    """A link to be. `opens`: the batch that it is."""

    message: Message
    undo: str | None
    opens: "Batch | None" = None


@dataclass(frozen=True, slots=True)
class ChainMessage:
    """A chain to be: its jobs with arguments."""

    id: UUID
    name: str
    steps: tuple[Step, ...]

    def dispatch(self, tx: Transaction) -> UUID:
        insert_all(tx, [self])
        return self.id

    def rows(self) -> Iterator[dict[str, Any]]:
        following = [str(step.message.id) for step in self.steps[1:]] + [None]
        for link, (step, next_id) in enumerate(zip(self.steps, following, strict=True)):
            yield row(
                step.message,
                chain_id=str(self.id),
                link=link,
                next_id=next_id,
                undo=step.undo,
                state="blocked" if link else None,
            )
        for batch in self._opened():
            yield from batch.rows()

    def chains(self) -> Iterator[dict[str, Any]]:
        yield {"id": str(self.id), "name": self.name}
        for batch in self._opened():
            yield from batch.chains()

    def batches(self) -> Iterator[dict[str, Any]]:
        for batch in self._opened():
            yield from batch.batches()

    def _opened(self) -> "Iterator[Batch]":
        return (step.opens.as_link(self.id, step.message.id) for step in self.steps if step.opens)


def chain(*links: Link, name: str = "") -> Chain:
    """Return a chain of jobs, or of (do, undo) pairs: `chain((reserve_stock, release_stock), confirm_order)`.

    When a link fails for good, the undos of the links that had finished run in reverse, as a chain of their own; each
    gets what its link got. A batch's gets the batch's id, and runs when the batch had begun.
    """
    pairs = tuple(link if isinstance(link, tuple) else (link, None) for link in links)
    if refusable := [kind.name for pair in pairs for kind in pair if _is_unique(kind)]:
        raise ValueError(f"{', '.join(refusable)}: a unique job that is refused would leave its chain waiting for ever")
    return Chain(name or " → ".join(do.name or "batch" for do, _ in pairs), pairs)


def _is_unique(kind: Any) -> bool:
    return (kind.unique if isinstance(kind, JobType) else getattr(kind, "unique_key", None)) is not None


def chain_of(name: str, links: Iterable[tuple[Any, JobType | None]], *, chain_id: UUID | None = None) -> ChainMessage:
    """Return a chain of messages and batches, each with its undo."""
    steps = []
    for do, undo in links:
        batch = None if isinstance(do, Message) else do
        message = batch.opening() if batch else do
        steps.append(Step(message, undo.name if undo else None, batch))
    return ChainMessage(chain_id or new_id(), name, tuple(steps))
